"""A service's answer to an HTTP check, over a real connection: it passes only where it is what was wanted."""

from __future__ import annotations

import json
import re
from functools import cache

from comporta.drivers.env_secrets import EnvSecrets
from comporta.drivers.probes.http import HttpProbe
from comporta.model.checks import HttpCheck, Target
from fuzz.conversation import LOOP, Answering

CHECKS = (
    HttpCheck(name="status", timeout=5.0),
    HttpCheck(name="body", timeout=5.0, expect={"status": "ok"}, expect_headers={"X-App": "shop"}),
    HttpCheck(name="socket", timeout=5.0, status=(101, 200), headers={"Upgrade": "websocket"}),
)
STATUS = re.compile(rb"HTTP/\d\.\d (2\d\d|101)\b")


@cache
def _server() -> Answering:
    return Answering()


def run(data: bytes) -> None:
    server = _server()
    server.answer = data
    target = Target(name="shop", address=f"127.0.0.1:{server.port}", host="shop.example")
    for check in CHECKS:
        result = LOOP.run_until_complete(HttpProbe(EnvSecrets(None, {})).ask(check, target))
        assert result.answer
        assert result.seconds < check.timeout + 1
        assert not result.passed or STATUS.search(data), result.answer
        if result.passed and check.expect:
            assert b"status" in data.lower() or b"\\u" in data
        json.dumps(result.answer)
