"""A right config becomes a complete, typed spec."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from comporta.config import loading
from comporta.drivers.runtimes.docker.options import DockerOptions
from comporta.model.checks import CommandCheck, HttpCheck, TcpCheck
from comporta.model.errors import ConfigError
from comporta.model.spec import (
    BlueGreenSpec,
    EnvironmentSpec,
    MaintenanceSpec,
    MetricQuery,
    MetricsSpec,
    PortRange,
    ReceiverSpec,
)
from comporta.model.values import from_json, to_json
from support.configs import GOOD, OPTIONS, write


def load(folder: Path, text: str, environment: str = "production", **environ: str) -> EnvironmentSpec:
    return loading.load(write(folder, text), environment, OPTIONS, environ)


def production(*lines: str) -> str:
    """The good config with these lines in production."""
    return GOOD.replace("    instances: 3\n", "".join(f"    {line}\n" for line in ("instances: 3", *lines)))


def test_everything_that_is_not_written_has_a_default(tmp_path: Path) -> None:
    spec = load(tmp_path, GOOD)
    assert (spec.service, spec.environment, spec.domain, spec.instances) == ("shop", "production", "shop.example", 3)
    assert spec.base == str(tmp_path)
    assert spec.state == str(tmp_path / ".comporta")
    assert spec.listen == "127.0.0.1:8080"
    assert spec.blue_green == BlueGreenSpec()
    assert (spec.monitoring, spec.env_file, spec.smoke) == ("enabled", None, ())
    assert spec.keep_failed == 3600.0
    assert (spec.health.timeout, spec.health.interval) == (300.0, 1.0)
    assert spec.health.checks == (HttpCheck(name="api", path="/health", expect={"status": "ok"}),)


def test_drivers_get_their_options_with_defaults_as_json_that_can_be_validated_again(tmp_path: Path) -> None:
    text = GOOD.replace("health:\n", "proxy: {nginx: {share: 5%, control: 9001-9002}}\nhealth:\n", 1)
    spec = load(tmp_path, text)
    command = ["python3", "-m", "shop", "--port", "{port}"]
    assert spec.runtime.name == "process"
    assert spec.runtime.options == {"directory": ".", "command": command, "environment": {}, "grace": 10.0}
    assert spec.router.options == {"binary": "nginx", "debug": False, "share": 0.05, "control": "9001-9002"}
    for kind, driver in (("runtimes", spec.runtime), ("routers", spec.router)):
        stored = json.loads(json.dumps(driver.options))
        again = OPTIONS[kind][driver.name].model_validate(stored)
        assert again.model_dump(mode="json") == driver.options


def test_a_router_without_a_section_gets_its_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD).router.options["binary"] == "nginx"


def test_the_spec_can_be_written_as_json_and_read_back(tmp_path: Path) -> None:
    spec = load(tmp_path, GOOD)
    assert from_json(json.loads(json.dumps(to_json(spec))), EnvironmentSpec) == spec


def test_the_three_kinds_of_checks(tmp_path: Path) -> None:
    checks = """\
    - {name: a, path: /a, method: POST, headers: {X-A: b}, body: x, status: [200, 204], within: 250ms, timeout: 2s}
    - {name: b, tcp: true, timeout: 1s}
    - {name: c, run: [python3, check.py, "{url}"]}
    - {name: d, path: /d, expect: {"items[0].id": 7, "error": null}, expect_headers: {X-Version: "2"}}
environments:
"""
    spec = load(tmp_path, GOOD.replace("environments:\n", checks))
    assert spec.health.checks[1:] == (
        HttpCheck(
            name="a",
            path="/a",
            method="POST",
            headers={"X-A": "b"},
            body="x",
            status=(200, 204),
            within=0.25,
            timeout=2.0,
        ),
        TcpCheck(name="b", timeout=1.0),
        CommandCheck(name="c", run=("python3", "check.py", "{url}")),
        HttpCheck(name="d", path="/d", expect={"items[0].id": 7, "error": None}, expect_headers={"X-Version": "2"}),
    )


def test_an_environment_overrides_any_part_of_what_stands_above(tmp_path: Path) -> None:
    spec = load(
        tmp_path,
        production(
            "monitoring: basic",
            "keep_failed: 10m",
            "release: {process: {directory: app}}",
            "health: {timeout: 10s, checks: [{name: port, tcp: true}]}",
            "blue_green: {keep_warm: 0s, max_error_rate: 1%}",
            "smoke: [{name: buy, run: [buy]}]",
        ),
    )
    assert spec.runtime.options["directory"] == "app"
    assert spec.runtime.options["command"][0] == "python3"
    assert spec.keep_failed == 600.0
    assert spec.health.timeout == 10.0
    assert spec.health.checks == (TcpCheck(name="port"),)
    assert spec.blue_green == BlueGreenSpec(keep_warm=0.0, max_error_rate=0.01)
    assert spec.smoke == (CommandCheck(name="buy", run=("buy",)),)
    assert load(tmp_path, GOOD, "development").health.timeout == 300.0


def test_what_is_required_may_stand_in_the_environment_alone(tmp_path: Path) -> None:
    text = """\
service: shop
environments:
  production:
    domain: shop.example
    runtime: docker
    release: {docker: {image: "shop:{version}"}}
    health: {checks: [{name: up, path: /}]}
"""
    assert load(tmp_path, text).runtime.options["image"] == "shop:{version}"


def test_where_instances_answer_is_for_the_chosen_runtime_to_say(tmp_path: Path) -> None:
    hosts = "hosts: [{engine: ssh://a, address: 10.0.0.1}, {engine: ssh://b, address: 10.0.0.2}]"
    text = GOOD.replace("release:\n", f'release:\n  docker: {{image: "shop:{{version}}", port: 80, {hosts}}}\n')
    types = {**OPTIONS, "runtimes": {**OPTIONS["runtimes"], "docker": DockerOptions}}
    assert loading.load(write(tmp_path, text), "production", types, {}).instance_hosts == ()
    text = text.replace("    instances: 3\n", "    instances: 3\n    runtime: docker\n", 1)
    found = loading.load(write(tmp_path, text), "production", types, {})
    assert found.instance_hosts == ("10.0.0.1", "10.0.0.2")


def test_a_port_in_the_domain_is_where_the_router_listens(tmp_path: Path) -> None:
    spec = load(tmp_path, GOOD, "development")
    assert (spec.domain, spec.listen) == ("localhost", "127.0.0.1:3000")
    spec = load(tmp_path, production('listen: "0.0.0.0:80"').replace("shop.example", "Shop.Example:3000"))
    assert (spec.domain, spec.listen) == ("shop.example", "0.0.0.0:80")


def test_default_slots_differ_between_the_environments_of_a_file(tmp_path: Path) -> None:
    specs = [load(tmp_path, GOOD, name) for name in loading.environments(write(tmp_path, GOOD), OPTIONS)]
    ranges = [ports for spec in specs for ports in (spec.blue, spec.green)]
    assert [str(ports) for ports in ranges] == ["8101-8110", "8111-8120", "8121-8130", "8131-8140"]


def test_slots_can_be_written(tmp_path: Path) -> None:
    spec = load(tmp_path, production("slots: {blue: 8001-8003, green: 9001-9004}"))
    assert (spec.blue, spec.green) == (PortRange(first=8001, last=8003), PortRange(first=9001, last=9004))


def test_paths_are_relative_to_the_folder_of_the_config(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "production").write_text("")
    spec = load(tmp_path, production("env_file: secrets/../secrets/production", "state: /var/lib/shop"))
    assert (spec.env_file, spec.state) == (str(tmp_path / "secrets" / "production"), "/var/lib/shop")


def test_variables_stay_as_written_once_they_are_known_to_be_defined(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TOKEN=s3cret-token\n")
    text = production("env_file: .env").replace("--port,", '"${TOKEN}", "${HOME_PAGE}", "$${PLAIN}",')
    spec = load(tmp_path, text, HOME_PAGE="https://shop.example")
    assert spec.runtime.options["command"][3:6] == ["${TOKEN}", "${HOME_PAGE}", "$${PLAIN}"]
    assert "s3cret-token" not in json.dumps(to_json(spec))


def test_what_the_config_refers_to_may_be_missing_where_no_value_is_needed(tmp_path: Path) -> None:
    path = write(tmp_path, production("env_file: .env").replace("--port,", '"${TOKEN}",'))
    assert loading.load(path, "production", OPTIONS, None).env_file == str(tmp_path / ".env")
    with pytest.raises(ConfigError, match="No such file"):
        loading.load(path, "production", OPTIONS, {})


def test_a_release_is_watched_for_five_minutes_or_as_long_as_is_said(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD).watch.window == 300.0
    assert load(tmp_path, production("watch: {window: 10m}")).watch.window == 600.0


def test_variables_of_a_driver_that_is_not_chosen_need_not_be_defined(tmp_path: Path) -> None:
    text = GOOD.replace("release:\n", 'release:\n  docker: {image: "${REGISTRY}/shop"}\n')
    assert load(tmp_path, text).runtime.name == "process"


@pytest.mark.parametrize(
    ("text", "imported"),
    [
        (GOOD, {"process", "nginx"}),
        (
            GOOD.replace("instances: 3", "runtime: docker\n    release: {docker: {image: shop}}"),
            {"process", "nginx", "docker"},
        ),
        (GOOD + "database: {url: sqlite:///x, migrations: {sql: {}}}\n", {"process", "nginx", "sql"}),
    ],
)
def test_only_drivers_that_the_file_names_are_imported(text: str, imported: set[str], tmp_path: Path) -> None:
    looked_up: set[str] = set()

    class Installed(dict[str, type[BaseModel]]):
        def __getitem__(self, name: str) -> type[BaseModel]:
            looked_up.add(name)
            return super().__getitem__(name)

    options = {kind: Installed(of) for kind, of in OPTIONS.items()}
    written = write(tmp_path, text)
    assert loading.load(written, "production", options, {}) == loading.load(written, "production", OPTIONS, {})
    assert looked_up == imported


def test_yaml_1_2_words_anchors_and_aliases(tmp_path: Path) -> None:
    text = production("health: {checks: [*api]}").replace("- {name: api", "- &api {name: on")
    spec = load(tmp_path, text.replace("{status: ok}", "{a: yes, b: 0o17, c: 2024-01-02, d: 1_000, e: ~}"))
    assert spec.health.checks[0].name == "on"
    assert spec.health.checks[0].expect == {"a": "yes", "b": 15, "c": "2024-01-02", "d": "1_000", "e": None}


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert loading.environments(path, OPTIONS) == ["production", "development"]


def test_the_digest_tells_whether_what_an_environment_uses_has_changed(tmp_path: Path) -> None:
    digest = load(tmp_path, GOOD).digest
    assert load(tmp_path, "# a comment\n" + GOOD).digest == digest
    assert load(tmp_path, GOOD.replace("release:\n", "release:\n  docker: {image: shop}\n")).digest == digest
    assert load(tmp_path, GOOD.replace("localhost", "127.0.0.1")).digest == digest
    assert load(tmp_path, GOOD.replace("5m", "6m")).digest != digest
    assert load(tmp_path, GOOD, "development").digest != digest


def test_the_digest_does_not_depend_on_the_values_of_variables(tmp_path: Path) -> None:
    text = GOOD.replace("--port,", '"${TOKEN}",')
    assert load(tmp_path, text, TOKEN="one").digest == load(tmp_path, text, TOKEN="two").digest


def test_the_file_is_found_here_or_in_a_folder_above(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    below = tmp_path / "src" / "shop"
    below.mkdir(parents=True)
    assert loading.find(tmp_path) == loading.find(below) == path


@pytest.mark.parametrize("service", ["shop", "a-1"])
def test_the_starter_file_is_right(service: str, tmp_path: Path) -> None:
    text = loading.starter(service)
    assert load(tmp_path, text, "development").service == service
    assert loading.environments(tmp_path / "comporta.yml", OPTIONS) == ["development"]


def test_the_starter_file_is_right_with_all_its_examples(tmp_path: Path) -> None:
    lines = [re.sub(r"^( *)# ", r"\1", line) for line in loading.starter("shop").splitlines()]
    first = next(i for i, line in enumerate(lines) if line.startswith("service:"))
    prose = ("How one", "What must", "Commands that", "The waits", "Everything above")
    (tmp_path / ".env.production").write_text("A=1\n")
    text = "\n".join(line for line in lines[first:] if not line.strip().startswith(prose))
    spec = load(tmp_path, text, "production")
    assert (spec.domain, spec.instances, len(spec.health.checks), len(spec.smoke)) == ("shop.example.com", 3, 2, 1)


def test_the_schema_knows_the_drivers_and_asks_for_no_more_than_the_file_must_have() -> None:
    schema = loading.schema(OPTIONS)
    assert schema["required"] == ["service", "environments"]
    assert schema["properties"]["runtime"]["enum"] == ["process", "docker"]
    assert "required" not in schema["$defs"]["Process"]
    assert "required" not in schema["$defs"]["Environment"]
    assert schema["$defs"]["HttpCheck"]["required"] == ["name", "path"]


LINES = st.sampled_from([*GOOD.splitlines(), *"- {}[]:,&*!|>'\"%@`#~", "  ", "\t", "${A}", "---", "...", "- a: &x *x"])


def refusal(path: Path) -> ConfigError | None:
    try:
        loading.environments(path, OPTIONS)
        loading.load(path, "production", OPTIONS, {})
    except ConfigError as error:
        return error
    return None


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(text=st.text() | st.binary() | st.lists(LINES | st.text(max_size=5)).map("\n".join))
def test_any_text_is_a_config_or_a_config_error(text: str | bytes, tmp_path: Path) -> None:
    error = refusal(write(tmp_path, text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text))
    assert error is None or error.next


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(at=st.integers(0, len(GOOD)), cut=st.integers(0, 12), put=st.text(max_size=6) | LINES)
def test_a_damaged_config_is_a_config_or_a_config_error(at: int, cut: int, put: str, tmp_path: Path) -> None:
    error = refusal(write(tmp_path, GOOD[:at] + put + GOOD[at + cut :]))
    assert error is None or error.next


def test_without_metrics_nothing_is_asked(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD).metrics is None


def test_metrics_are_read_and_an_environment_may_say_where_they_are(tmp_path: Path) -> None:
    common = """\
metrics:
  timeout: 2s
  headers: {Authorization: "Bearer ${TOKEN}"}
  queries: [{name: queue depth, query: 'max(queue_depth{job="shop"})', max: 100}]
health:
"""
    text = GOOD.replace("health:\n", common).replace(
        "    instances: 3\n", '    metrics: {url: "https://me:${PASSWORD}@m.example/prefix/"}\n'
    )
    spec = load(tmp_path, text, TOKEN="t0ken", PASSWORD="s3cret")
    assert spec.metrics == MetricsSpec(
        url="https://me:${PASSWORD}@m.example/prefix",
        timeout=2.0,
        headers={"Authorization": "Bearer ${TOKEN}"},
        queries=(MetricQuery(name="queue depth", query='max(queue_depth{job="shop"})', max=100.0),),
    )
    assert from_json(json.loads(json.dumps(to_json(spec))), EnvironmentSpec) == spec


@pytest.mark.parametrize(
    "query",
    [
        'sum(rate(errors{release="{release}", path="/users/{id}"}[1m]))',
        """max by (x) (depth{version='{version}', slot=~"{slot}|{2}"} or `it's {version}`)""",
        "depth{shared} * {release}",
        r'depth{a="\"{version}", b="\x7bword}"}',
    ],
)
def test_only_three_words_in_braces_are_placeholders(query: str, tmp_path: Path) -> None:
    queries = json.dumps([{"name": "a", "query": query, "max": 3, "max_ratio": 1.5}])
    text = GOOD.replace("health:\n", f"metrics: {{url: http://m, queries: {queries}}}\nhealth:\n")
    spec = load(tmp_path, text)
    assert spec.metrics is not None
    assert spec.metrics.queries == (MetricQuery(name="a", query=query, max=3.0, max_ratio=1.5),)


def test_a_variable_is_no_placeholder_so_that_it_cannot_tell_the_roles_apart(tmp_path: Path) -> None:
    queries = """[{name: a, query: 'depth{a="${slot}"}', max_ratio: 2}]"""
    text = GOOD.replace("health:\n", f"metrics: {{url: http://m, queries: {queries}}}\nhealth:\n")
    with pytest.raises(ConfigError, match="the query is the same for stable and for the candidate"):
        load(tmp_path, text, slot="blue")


def test_the_maintenance_page_is_found_beside_the_config(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD).maintenance == MaintenanceSpec()
    line = "maintenance: {page: closed.html, retry_after: 10m, exempt: [/hooks/, /v1.0], always_ok: [/up]}"
    assert load(tmp_path, production(line)).maintenance == MaintenanceSpec(
        page=str(tmp_path / "closed.html"), retry_after=600.0, exempt=("/hooks/", "/v1.0"), always_ok=("/up",)
    )


ALERTS = """\
alerts:
  - {webhook: "https://hooks.example/${TOKEN}", secret: "${KEY}", events: [incident, rolled-back], timeout: 3s}
  - {run: [./notify.sh, "${TOKEN}"], events: [deploy-failed]}
  - {apprise: "mailtos://me:${PASSWORD}@mail.example?to=ops@example.com"}
"""


def test_each_kind_of_receiver_is_read_and_variables_stay_as_written(tmp_path: Path) -> None:
    assert load(tmp_path, ALERTS + GOOD, TOKEN="t", KEY="k", PASSWORD="p").alerts == (
        ReceiverSpec(
            kind="webhook",
            target=("https://hooks.example/${TOKEN}",),
            secret="${KEY}",
            events=("incident", "rolled-back"),
            timeout=3.0,
        ),
        ReceiverSpec(kind="run", target=("./notify.sh", "${TOKEN}"), events=("deploy-failed",), timeout=60.0),
        ReceiverSpec(
            kind="apprise", target=("mailtos://me:${PASSWORD}@mail.example?to=ops@example.com",), timeout=30.0
        ),
    )


def test_a_secret_that_only_a_message_needs_keeps_nobody_from_deploying(tmp_path: Path) -> None:
    assert len(load(tmp_path, ALERTS + GOOD).alerts) == 3


def test_another_receiver_makes_no_other_release(tmp_path: Path) -> None:
    assert load(tmp_path, ALERTS + GOOD).digest == load(tmp_path, GOOD).digest
