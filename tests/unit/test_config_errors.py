"""A wrong config is refused at the right place, with the cause and what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from comporta.config import loading
from comporta.model.errors import ConfigError
from support.configs import GOOD, OPTIONS, write

MARK = "»"
"""Stands in the texts below where the error must point."""


class Wrong(NamedTuple):
    """A text (or what is exchanged in the good one: old, new), a part of the message, and a part of the next step."""

    text: str | tuple[str, str]
    message: str
    next: str


def extra(text: str) -> tuple[str, str]:
    """More keys of the production environment."""
    return ("    instances: 3\n", "".join(f"    {line}\n" for line in text.split("\n")))


def metrics(*lines: str) -> tuple[str, str]:
    """The good config with metrics, with a right query unless there are others among the lines."""
    right = [] if any(line.startswith("queries") for line in lines) else ["queries: [{name: a, query: b, max: 1}]"]
    return ("health:\n", "metrics:\n" + "".join(f"  {line}\n" for line in [*lines, *right]) + "health:\n")


def alerts(receiver: str) -> tuple[str, str]:
    """The good config with a receiver."""
    return ("health:\n", f"alerts:\n  - {receiver}\nhealth:\n")


WRONG = {
    # not YAML, or not a config at all
    "empty": Wrong("»", "the file is empty", "comporta init"),
    "only a comment": Wrong("»# nothing\n", "the file is empty", "comporta init"),
    "list at root": Wrong("»- service: shop\n", "a list stands where keys are needed", "begin with `service: NAME`"),
    "text at root": Wrong("»shop\n", "text stands where keys are needed", "begin with `service: NAME`"),
    "tab": Wrong("service: shop\nhealth:\n»\ttimeout: 5m\n", "cannot read a tab", "replace the tab by spaces"),
    "open bracket": Wrong("service: [shop»", "expected ',' or ']'", "close what is open"),
    "block of text": Wrong("|\n \n  »", "more indented follow up line", "indentation"),
    "two colons": Wrong("service: shop»: blue", "mapping values are not allowed", "in quotes"),
    "reserved character": Wrong("service: »@shop", "cannot start any token", "in quotes"),
    "control character": Wrong("service: shop»\x07", "control character", "remove it"),
    "duplicate key": Wrong("service: shop\n»service: shop\n", "it stands already in line 1", "remove one"),
    "second document": Wrong(GOOD + "»---\nservice: shop\n", "a second document", "remove it"),
    "unknown anchor": Wrong("service: »*name\n", "no such anchor", "write the value itself"),
    "anchor in itself": Wrong("service: &name [»*name]\n", "no such anchor", "write the value itself"),
    "tag": Wrong("service: »!!python/name:os.system x\n", "cannot read the tag", "remove it"),
    "key that is a list": Wrong("? »[a, b]\n: shop\n", "a key that is not plain text", "key: value"),
    "escape of no character": Wrong('service: »"\\ud800"\n', "no text can hold", "remove the escape"),
    # unknown and missing keys
    "unknown key at the top": Wrong(("health:", "»helth:"), "cannot read helth: there is no such key", "`health`"),
    "unknown key in a part": Wrong(("timeout", "»timout"), "health.timout: there is no such key", "`timeout`"),
    "unknown key in an environment": Wrong(
        ("instances", "»instance"), "environments.production.instance: there is no such key", "`instances`"
    ),
    "unknown key of a driver": Wrong(("command", "»comand"), "release.process.comand", "`command`"),
    "unknown key of a check": Wrong(("expect:", "»expects:"), "health.checks[0].expects", "`expect`"),
    "key of another kind of check": Wrong(
        ("path: /health, expect: {status: ok}", "tcp: true, »path: /"), "no such key", "a key of HttpCheck"
    ),
    "environment key at the top": Wrong(
        ("release:", "»domain: shop.example\nrelease:"), "domain", "a key of Environment"
    ),
    "no service": Wrong(("service: shop\n", "»"), "`service` is missing", "add `service:`"),
    "no environments": Wrong("»service: shop\n", "`environments` is missing", "add `environments:`"),
    "empty environments": Wrong("service: shop\nenvironments: »{}\n", "environments", "write 1 or more"),
    "no domain": Wrong(
        ("  production:\n    domain: shop.example", "  »production:"), "`domain` is missing", "add `domain:`"
    ),
    "no checks": Wrong(
        ("  checks:\n    - {name: api, path: /health, expect: {status: ok}}", "  checks: »[]"),
        "health.checks",
        "write 1 or more",
    ),
    "check without a path": Wrong(
        ("- {name: api, path: /health, expect", "- »{name: api, expect"), "`path` is missing", "add `path:`"
    ),
    "no command for the runtime": Wrong(
        ('process: {command: [python3, -m, shop, --port, "{port}"]}', "»process: {}"),
        "release.process: `command` is missing",
        "add `command:`",
    ),
    "no section for the runtime": Wrong(
        extra("runtime: »docker"), "the runtime needs `release.docker`", "add `release: {docker: {…}}`"
    ),
    # drivers
    "unknown runtime": Wrong(
        extra("runtime: »dokcer"), "\"dokcer\" is not 'process' or 'docker'", "did you mean `docker`?"
    ),
    "unknown router": Wrong(extra("router: »caddy"), "\"caddy\" is not 'nginx'", "write one of nginx"),
    "unknown runtime section": Wrong(("  process:", "  »proces:"), "release.proces", "`process`"),
    "driver that is not chosen": Wrong(
        ("release:\n", "release:\n  docker: {image: shop, port: »0}\n"), "release.docker.port", "write 1 or more"
    ),
    "yes is text": Wrong(
        ("health:\n", "proxy: {nginx: {debug: »yes}}\nhealth:\n"), '"yes" is not true or false', "true or false"
    ),
    # types
    "text for a number": Wrong(("instances: 3", "instances: »three"), '"three" is not a whole number', "such as 3"),
    "number in quotes": Wrong(("instances: 3", 'instances: »"3"'), '"3" is not a whole number', "such as 3"),
    "bool for a number": Wrong(("instances: 3", "instances: »true"), "true is not a whole number", "such as 3"),
    "half an instance": Wrong(("instances: 3", "instances: »1.5"), "1.5 is not a whole number", "such as 3"),
    "empty value": Wrong(("instances: 3", "»instances:"), "it is empty, where a whole number is needed", "such as 3"),
    "number for text": Wrong(
        ("release:\n", "release:\n  docker: {image: »1.10}\n"), "1.10 is not text", 'put it in quotes: "1.10"'
    ),
    "text for a mapping": Wrong(extra("slots: »8001"), "8001 is not a mapping", "`key: value` lines"),
    "empty part": Wrong(extra("slots:\n  »blue:\n  green: 1-2"), "slots.blue", "write it like 8001-8010"),
    "check that is text": Wrong(("- {name: api,", "- »/health\n    - {name: api,"), "health.checks[0]", "key: value"),
    "command as a string": Wrong(
        ("health:\n", "smoke: [{name: buy, run: »\"python smoke.py '{url} now'\"}]\nhealth:\n"),
        "smoke[0].run",
        'write a list: [python, smoke.py, "{url} now"]',
    ),
    "driver's command as a string": Wrong(
        ('[python3, -m, shop, --port, "{port}"]', '»"shop --port {port}"'),
        "release.process.command",
        'write a list: [shop, --port, "{port}"]',
    ),
    "one status": Wrong(("expect: {status: ok}", "status: »200"), "200 is not a list", "write a list: [200]"),
    "no such status": Wrong(("expect: {status: ok}", "status: [200, »99]"), "99 is refused", "write 100 or more"),
    "monitoring": Wrong(extra("monitoring: »enable"), '"enable" is not', "did you mean `enabled`?"),
    # values
    "bad duration": Wrong(("5m", "»5 minuts"), 'health.timeout: "5 minuts" is not a duration', "like 90s"),
    "negative duration": Wrong(("5m", "»-5"), "-5 is not between 0 and a year", "like 90s"),
    "negative duration with a unit": Wrong(("5m", "»-5m"), '"-5m" is not a duration', "like 90s"),
    "no time at all": Wrong(("5m", "»0s"), "it must be longer than 0", "like 90s"),
    "bool as a duration": Wrong(("5m", "»true"), "true is not a duration", "like 90s"),
    "too high percentage": Wrong(
        ("health:\n", "blue_green: {max_error_rate: »101%}\nhealth:\n"), "not between 0% and 100%", "like 5%"
    ),
    "bare percentage": Wrong(
        ("health:\n", "blue_green: {max_error_rate: »5}\nhealth:\n"), "5 is not a percentage", "like 5%"
    ),
    "no instance": Wrong(("instances: 3", "instances: »0"), "0 is refused", "write 1 or more"),
    "path without a slash": Wrong(("path: /health", "path: »health"), '"health" is not a path', "begin with /"),
    "nginx syntax in an exempt path": Wrong(
        extra("maintenance: {exempt: [/hooks/, »'/a; } server {']}"), "is not a plain path", "begin with /"
    ),
    "variable in a path that is always fine": Wrong(
        extra("maintenance: {always_ok: [»/$uri]}"), "is not a plain path", "begin with /"
    ),
    "trying again at once": Wrong(extra("maintenance: {retry_after: »500ms}"), "at least 1s", "like 60s"),
    "name of a service": Wrong(("service: shop", "service: »My Shop"), '"My Shop" is not a name', "a-z, 0-9 and -"),
    "nginx syntax in a domain": Wrong(
        ("shop.example", '»"shop.example; } server { listen 80"'), "is not a host name", "like shop.example.com"
    ),
    "port of a domain": Wrong(("shop.example", "»shop.example:65536"), '"65536" is not a port', "localhost:3000"),
    "listen without an address": Wrong(extra("listen: »8080"), "8080 is not text", "in quotes"),
    "nginx syntax in listen": Wrong(extra('listen: »"[::1%x;]:80"'), "is not ADDRESS:PORT", "127.0.0.1:8080"),
    # ports
    "blue twice": Wrong(
        extra("slots:\n  blue: 8001-8010\n  »blue: 8011-8020"), "cannot read `blue` twice", "remove one"
    ),
    "overlapping slots": Wrong(
        extra("slots:\n  blue: 8001-8010\n  green: »8010-8019"), "overlaps the blue slot (8001-8010)", "its own ports"
    ),
    "backward range": Wrong(
        extra("slots:\n  blue: »8010-8001\n  green: 8011-8020"), "does not go up", "like 8001-8010"
    ),
    "unknown slot": Wrong(
        extra("slots:\n  blue: 8001-8010\n  green: 8011-8020\n  »red: 8021-8030"), "slots.red", "one of blue, green"
    ),
    "listen inside a slot": Wrong(
        extra('listen: »"0.0.0.0:8105"'), "the router's port 8105 is one of the blue slot's", "its own ports"
    ),
    "slot around the default listen": Wrong(
        extra("slots:\n  blue: »8080-8089\n  green: 8090-8099"), "port 8080 is one of the blue", "its own ports"
    ),
    "more instances than ports": Wrong(
        ("instances: 3", "instances: »99"), "99 instances need as many ports", "wider `slots`: now {blue: 8101-8110"
    ),
    # metrics
    "no query": Wrong(metrics("url: http://m", "queries: »[]"), "metrics.queries", "write 1 or more"),
    "no address of metrics": Wrong(
        ("health:\n", "»metrics: {queries: [{name: depth, query: depth, max: 1}]}\nhealth:\n"),
        "metrics: `url` is missing",
        "add `url:`",
    ),
    "metrics without a scheme": Wrong(metrics("url: »m.example:9090"), "is not an address", "http://127.0.0.1:9090"),
    "metrics of another scheme": Wrong(metrics("url: »ftp://m"), "is not an address", "http://127.0.0.1:9090"),
    "metrics nowhere": Wrong(metrics('url: »"http://"'), "is not an address", "http://127.0.0.1:9090"),
    "metrics at port 0": Wrong(metrics('url: »"http://m:0"'), "is not an address", "http://127.0.0.1:9090"),
    "metrics at no port": Wrong(metrics('url: »"http://m:http"'), "is not an address", "http://127.0.0.1:9090"),
    "metrics with a query": Wrong(metrics('url: »"http://m/?query=up"'), "is not an address", "127.0.0.1:9090"),
    "metrics at a fragment": Wrong(metrics('url: »"http://m/#graph"'), "is not an address", "127.0.0.1:9090"),
    "metrics with a blank": Wrong(metrics('url: »"http://m /"'), "is not an address", "127.0.0.1:9090"),
    "metrics with half an address": Wrong(metrics('url: »"http://[::1"'), "is not an address", "127.0.0.1:9090"),
    "variable in the host of metrics": Wrong(
        metrics('url: »"http://${HOST}:9090"'), "${HOST} cannot stand here", "write the value itself"
    ),
    "token of metrics that is not defined": Wrong(
        metrics("url: http://m", 'headers: {Authorization: »"Bearer ${TOKEN}"}'),
        "${TOKEN} is not defined",
        "define TOKEN in",
    ),
    "password of metrics that is not defined": Wrong(
        metrics('url: »"http://me:${PASSWORD}@m"'), "${PASSWORD} is not defined", "define PASSWORD in"
    ),
    "no limit of a metric": Wrong(
        metrics("url: http://m", "queries: [»{name: depth, query: depth}]"),
        "metrics.queries[0]: there is neither `max` nor `max_ratio`",
        "add `max: 100` or `max_ratio: 1.5`",
    ),
    "comparison of a role with itself": Wrong(
        metrics("url: http://m", "queries: [{name: depth, query: 'depth{job=\"shop\"}', max_ratio: »2}]"),
        "metrics.queries[0].max_ratio: the query is the same for stable and for the candidate",
        'such as release="{release}"',
    ),
    "ratio that an equal release is above": Wrong(
        metrics("url: http://m", "queries: [{name: depth, query: 'depth{s=\"{slot}\"}', max_ratio: »0.5}]"),
        "metrics.queries[0].max_ratio: 0.5 is refused",
        "write 1.0 or more",
    ),
    "unknown placeholder": Wrong(
        metrics("url: http://m", 'queries: [{name: depth, query: »\'depth{v="{verison}", s="{slot}"}\', max: 2}]'),
        "metrics.queries[0].query: there is no placeholder {verison}",
        "write one of {release}, {version}, {slot}",
    ),
    "version that is no string": Wrong(
        metrics("url: http://m", "queries: [{name: depth, query: »'depth{v=\"1\"} > {version}', max: 2}]"),
        "metrics.queries[0].query: {version} stands outside quotes",
        'version="{version}"',
    ),
    "limit that is text": Wrong(
        metrics("url: http://m", "queries: [{name: depth, query: depth, max: »many}]"), "is not a number", "such as 2.5"
    ),
    "endless limit": Wrong(
        metrics("url: http://m", "queries: [{name: depth, query: depth, max: ».inf}]"), "is not a number", "such as 2.5"
    ),
    "query of no words": Wrong(
        metrics("url: http://m", 'queries: [{name: depth, query: »" ", max: 1}]'), "is not a line of text", "few words"
    ),
    "no time for metrics": Wrong(metrics("url: http://m", "timeout: »0s"), "longer than 0", "like 90s"),
    "queries of one name": Wrong(
        metrics("url: http://m", "queries: [{name: a, query: b, max: 1}, {name: »a, query: c, max: 1}]"),
        '"a" is the name of another query, in line',
        "give each query a name of its own",
    ),
    # alerts
    "unknown event": Wrong(
        alerts("{run: [./notify.sh], events: [incident, »deploy-faild]}"),
        "alerts[0].events[1]: \"deploy-faild\" is not 'started'",
        "did you mean `deploy-failed`?",
    ),
    "event of no receiver": Wrong(alerts("{run: [a], events: [»test]}"), '"test" is not', "write one of started"),
    "receiver of no kind": Wrong(alerts("»{events: [incident]}"), "`webhook` is missing", "add `webhook:`"),
    "receiver of two kinds": Wrong(
        alerts("{run: [a], »webhook: https://a.example}"), "no such key", "a key of Webhook"
    ),
    "secret of a command": Wrong(alerts("{run: [a], »secret: b}"), "no such key", "a key of Webhook"),
    "webhook without a scheme": Wrong(alerts("webhook: »hooks.example"), "is not an address", "https://hooks.example"),
    "webhook with a blank": Wrong(alerts('webhook: »"https://a.example/b c"'), "is not an address", "https://hooks"),
    "no command": Wrong(alerts("run: »[]"), "alerts[0].run", "write 1 or more"),
    "empty secret": Wrong(alerts('{webhook: "https://a.example", secret: »""}'), "alerts[0].secret", "1 or more"),
    "half a variable": Wrong(alerts('webhook: »"https://a.example/${TOKEN"'), "is not followed by NAME}", "$${"),
    # names, variables, files
    "checks of one name": Wrong(
        ("environments:\n", "    - {name: »api, tcp: true}\nenvironments:\n"), "another check, in line 7", "of its own"
    ),
    "missing variable": Wrong(
        ("--port,", '»"${TOKEN}",'), "release.process.command[3]: ${TOKEN} is not defined", "define TOKEN in"
    ),
    "variable without quotes": Wrong(("--port,", "$»{TOKEN},"), "without quotes", 'put it in quotes: "${NAME}"'),
    "not a variable": Wrong(("--port,", '»"${my token}",'), "is not followed by NAME}", "$${"),
    "variable in a number": Wrong(
        ("instances: 3", "instances: »${COUNT}"), "${COUNT} cannot stand here", "write the value itself"
    ),
    "variable in a duration": Wrong(("5m", "»${TIME}"), "${TIME} cannot stand here", "write the value itself"),
    "variable in a domain": Wrong(("shop.example", "»${HOST}"), "${HOST} cannot stand here", "write the value itself"),
    "missing env file": Wrong(
        extra("env_file: ».env.prod"), "environments.production.env_file", "create the file, or correct the path"
    ),
    "env file that is a folder": Wrong(extra("env_file: »."), "Is a directory", "create the file"),
}


def marked(text: str | tuple[str, str]) -> tuple[str, str]:
    """The text without the mark, and line:column where it stood."""
    if isinstance(text, tuple):
        assert GOOD.count(text[0]) == 1, f"{text[0]} must stand in the good config, once"
        text = GOOD.replace(*text)
    before, _, after = text.partition(MARK)
    lines = before.split("\n")
    return before + after, f"{len(lines)}:{len(lines[-1]) + 1}"


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_the_error_points_at_the_place_and_says_what_to_write(wrong: Wrong, tmp_path: Path) -> None:
    text, place = marked(wrong.text)
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        loading.load(path, "production", OPTIONS, {})
    assert caught.value.message.startswith(f"{path}:{place}: cannot read ")
    assert wrong.message in caught.value.message
    assert wrong.next in caught.value.next


def test_an_unknown_environment_is_named_with_those_that_exist(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    with pytest.raises(
        ConfigError, match="cannot find the environment prod: there are production, development"
    ) as caught:
        loading.load(path, "prod", OPTIONS, {})
    assert caught.value.next == "-e: did you mean `production`?"


def test_a_bad_name_of_an_environment_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("  development", "  ../etc"))
    with pytest.raises(ConfigError, match=r':12:3: cannot read .*"\.\./etc" is not a name'):
        loading.environments(path, OPTIONS)


def test_the_line_is_shown_with_a_caret_and_other_problems_follow(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("5m", "5 minuts").replace("instances: 3", "instances: three"))
    with pytest.raises(ConfigError) as caught:
        loading.load(path, "production", OPTIONS, {})
    line, caret, other = caught.value.details
    assert (line, caret) == ("5 |   timeout: 5 minuts", "  |            ^")
    assert other == f'{path}:11:16: cannot read environments.production.instances: "three" is not a whole number'


def test_a_tab_before_the_caret_stays_a_tab(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("path: /health", 'body: "\t", path: health'))
    with pytest.raises(ConfigError) as caught:
        loading.load(path, "production", OPTIONS, {})
    assert caught.value.details[1] == "  |     " + " " * 21 + "\t" + " " * 9 + "^"


def test_a_value_from_above_points_to_its_own_line_and_an_override_to_its(tmp_path: Path) -> None:
    above = write(tmp_path, GOOD.replace("5m", "soon"))
    with pytest.raises(ConfigError, match=r":5:12: cannot read health\.timeout:"):
        loading.load(above, "development", OPTIONS, {})
    below = write(tmp_path, GOOD.replace("    instances: 3", "    health: {timeout: soon}"))
    with pytest.raises(ConfigError, match=r":11:23: cannot read environments\.production\.health\.timeout:"):
        loading.load(below, "production", OPTIONS, {})


def test_a_wrong_value_is_found_where_every_environment_overrides_it(tmp_path: Path) -> None:
    text = GOOD.replace("5m", "soon").replace("    instances: 3", "    health: {timeout: 5m}")
    with pytest.raises(ConfigError, match=r":5:12: cannot read health\.timeout:"):
        loading.load(write(tmp_path, text), "production", OPTIONS, {})


def test_other_environments_cannot_block_one_but_the_check_of_the_file_finds_them(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace('"localhost:3000"', '"local host"'))
    assert loading.load(path, "production", OPTIONS, {}).domain == "shop.example"
    with pytest.raises(ConfigError, match=r':12:25: .*"local host" is not a host name'):
        loading.environments(path, OPTIONS)


def test_what_is_not_utf_8_is_refused_at_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, b"service: shop\ndomain: \xff\n")
    with pytest.raises(ConfigError, match=r":2:9: cannot read the text: it is not UTF-8 \(byte 0xff\)") as caught:
        loading.environments(path, OPTIONS)
    assert "UTF-8" in caught.value.next


@pytest.mark.parametrize(("name", "message"), [("", "it is a folder"), ("nowhere.yml", "there is no such file")])
def test_what_is_no_file_is_refused(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        loading.environments(tmp_path / name, OPTIONS)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="larger than 1 MB"):
        loading.environments(write(tmp_path, "# much\n" * 200_000), OPTIONS)


def test_aliases_cannot_blow_the_file_up(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    with pytest.raises(ConfigError, match="too large, or too deep"):
        loading.environments(write(tmp_path, "\n".join(lines)), OPTIONS)


def test_nesting_cannot_blow_the_stack(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="too large, or too deep"):
        loading.environments(write(tmp_path, "a: " + "[" * 2000 + "]" * 2000), OPTIONS)


def test_an_env_file_with_a_bad_line_is_refused_without_showing_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# secrets\nA=1\n\nhunter2\n")
    path = write(tmp_path, GOOD.replace("    instances: 3", "    env_file: .env"))
    with pytest.raises(ConfigError, match=r"\.env:4:1: cannot read this line") as caught:
        loading.load(path, "production", OPTIONS, {})
    assert "hunter2" not in str((caught.value.message, caught.value.details, caught.value.next))


def test_no_config_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"neither in {tmp_path} nor in a folder above") as caught:
        loading.find(tmp_path)
    assert "comporta init" in caught.value.next
