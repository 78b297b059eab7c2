"""Metrics from a real Prometheus server, and from servers that are none."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from comporta.drivers.env_secrets import EnvSecrets
from comporta.drivers.metrics.prometheus import Prometheus
from comporta.model.errors import ConfigError, MetricSourceFailure
from comporta.model.spec import MetricQuery, MetricsSpec
from comporta.model.traffic import ReleaseRef, Slot, Traffic, Weights
from comporta.steps.further_metrics import Answers, FurtherMetrics
from support.http_server import Scripted, scripted_server
from support.prometheus import NAME, PASSWORD, free_port, prometheus_server

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

PATIENCE = 60.0


def source(url: str, *, timeout: float = 5.0, **headers: str) -> Prometheus:
    secrets = {"PASSWORD": PASSWORD, "BASIC": base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()}
    spec = MetricsSpec(url=url, queries=(), timeout=timeout, headers=headers)
    return Prometheus(spec, EnvSecrets(None, secrets))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a Prometheus that has scraped."""
    if shutil.which("prometheus") is None:
        pytest.skip("Prometheus is not installed (scripts/test.sh installs it)")
    folder = tmp_path_factory.mktemp("prometheus")
    with prometheus_server(folder) as address:
        anyio.run(until_scraped, source(f"http://{NAME}:${{PASSWORD}}@{address}"), folder / "prometheus.log")
        yield address


async def until_scraped(prometheus: Prometheus, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await has_scraped(prometheus):
        assert time.monotonic() < deadline, log.read_text()
        await anyio.sleep(0.05)


async def has_scraped(prometheus: Prometheus) -> bool:
    try:
        return await prometheus.value("requests") is not None
    except MetricSourceFailure:
        return False


@pytest.fixture
def prometheus(address: str) -> Prometheus:
    return source(f"http://{NAME}:${{PASSWORD}}@{address}")


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("queue_depth", 7.0),
        ("sum(errors)", 3.0),
        ('errors{instance_index="2"} / 4', 0.5),
        ("scalar(queue_depth) * 2", 14.0),
        ("42", 42.0),
        ("-1.5", -1.5),
        ("requests", 0.0),
    ],
)
async def test_one_number_is_the_value(prometheus: Prometheus, query: str, value: float) -> None:
    assert await prometheus.value(query) == value


@pytest.mark.parametrize("query", ["no_such_metric", "requests / requests", "queue_depth > 8", "scalar(errors)"])
async def test_no_answer_and_not_a_number_are_no_data(prometheus: Prometheus, query: str) -> None:
    assert await prometheus.value(query) is None


@pytest.mark.parametrize(
    ("query", "cause", "next"),
    [
        ("errors", "it answers with 2 values, where one is needed", "sum(…)"),
        ("queue_depth[5m]", "it answers with a matrix that is not one number", "metrics.queries"),
        ('"seven"', "it answers with a string that is not one number", "metrics.queries"),
        ("queue_depth / requests", "the answer is +Inf", "never 0"),
        ("-queue_depth / requests", "the answer is -Inf", "never 0"),
        ("sum(queue_depth", "unclosed left parenthesis", "metrics.queries"),
        ("", "no expression found in input", "metrics.queries"),
    ],
)
async def test_what_is_not_one_number_is_told(prometheus: Prometheus, query: str, cause: str, next: str) -> None:
    with pytest.raises(MetricSourceFailure) as told:
        await prometheus.value(query)
    assert told.value.message.startswith("cannot ask http://127.0.0.1:")
    assert f" for {query}: " in told.value.message
    assert cause in told.value.message
    assert next in told.value.next


def latency(labels: str, *, slot: Slot = Slot.GREEN, version: str = "1.1.0") -> FurtherMetrics:
    """Release 3 serves from blue, release 4 from green; the one in `slot` is the candidate, 4 has the version."""
    query = MetricQuery(name="latency", query=f'latency{{{labels}, path="/users/{{id}}"}}', max_ratio=1.5)
    blue, green = ReleaseRef(number=3, version="1.0.0-rc.1+b7"), ReleaseRef(number=4, version=version)
    return FurtherMetrics((query,), Traffic(weights=Weights(blue=90, green=10), blue=blue, green=green), slot)


@pytest.mark.parametrize(
    "labels", ['release="{release}"', "version='{version}'", "slot=`{slot}`", 'slot=~"({slot}){1}"']
)
async def test_each_role_is_asked_for_its_own_value(prometheus: Prometheus, labels: str) -> None:
    assert await latency(labels).ask(prometheus) == Answers({"latency": 0.5}, {"latency": 0.25}, ())
    assert await latency(labels, slot=Slot.BLUE).ask(prometheus) == Answers({"latency": 0.25}, {"latency": 0.5}, ())


async def test_a_role_that_has_no_data_is_told(prometheus: Prometheus) -> None:
    without = latency('version="{version}"', version="1.2.0")
    assert await without.ask(prometheus) == Answers({}, {}, ("latency: no data of the candidate",))
    without = latency('version="{version}"', version="1.2.0", slot=Slot.BLUE)
    assert await without.ask(prometheus) == Answers({"latency": 0.25}, {}, ("latency: no data of stable",))


async def test_a_version_that_would_change_the_question_is_not_asked_for(prometheus: Prometheus) -> None:
    candidate, _, lacking = await latency('version="{version}"', version='"} or vector(0) #').ask(prometheus)
    assert candidate == {}
    assert "cannot fill the version" in lacking[0]


async def test_name_and_password_may_come_in_a_header(address: str) -> None:
    assert await source(f"http://{address}", Authorization="Basic ${BASIC}").value("queue_depth") == 7.0


@pytest.mark.parametrize("user", ["", f"{NAME}@", f"{NAME}:wr0ng@"])
async def test_without_the_right_password_it_says_so_and_shows_none(address: str, user: str) -> None:
    with pytest.raises(MetricSourceFailure, match="status 401: Unauthorized") as told:
        await source(f"http://{user}{address}").value("queue_depth")
    assert "wr0ng" not in told.value.message
    assert told.value.next == "see whether Prometheus runs there; `metrics.url` in the config names it"


async def test_an_answer_that_takes_too_long_is_told(address: str) -> None:
    slow = source(f"http://{NAME}:${{PASSWORD}}@{address}", timeout=0.000001)
    with pytest.raises(MetricSourceFailure, match="nothing came within 1e-06 s"):
        await slow.value("queue_depth")


async def test_nobody_there_is_told() -> None:
    with pytest.raises(MetricSourceFailure, match="connection refused"):
        await source(f"http://127.0.0.1:{free_port()}").value("queue_depth")


async def test_an_answer_that_trickles_in_does_not_outlive_the_limit() -> None:
    with (
        scripted_server(Scripted(trickle=0.05, body=b" " * 10_000)) as server,
        pytest.raises(MetricSourceFailure, match=r"nothing came within 0\.3 s"),
    ):
        await source(f"http://{server.address}", timeout=0.3).value("queue_depth")


@pytest.mark.parametrize("body", [b"<h1>hello</h1>", b"[]", b"7", b"{}"])
async def test_a_server_that_is_no_prometheus_is_told(body: bytes) -> None:
    with (
        scripted_server(Scripted(status=404, body=body)) as server,
        pytest.raises(MetricSourceFailure) as told,
    ):
        await source(f"http://{server.address}").value("queue_depth")
    assert told.value.message.endswith(f": status 404: {body.decode()}")


async def test_a_token_is_sent_and_never_shown_even_when_the_server_repeats_it() -> None:
    with (
        scripted_server(Scripted(status=403, body=f"no {PASSWORD} here".encode())) as server,
        pytest.raises(MetricSourceFailure, match=r"status 403: no \*\*\* here"),
    ):
        await source(f"http://{server.address}/prefix", Authorization="Bearer ${PASSWORD}").value("up")
    [(_, path, headers, _)] = server.seen
    assert path.startswith("/prefix/api/v1/query?")
    assert headers["Authorization"] == f"Bearer {PASSWORD}"


async def test_a_secret_that_is_not_defined_is_an_error_of_the_config() -> None:
    with pytest.raises(ConfigError, match=r"\$\{NOWHERE\}"):
        await source("http://127.0.0.1:1", Authorization="Bearer ${NOWHERE}").value("up")
