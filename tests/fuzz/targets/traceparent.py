"""$TRACEPARENT: two ids as W3C has them, or nothing."""

from __future__ import annotations

import re

from comporta.drivers.otlp import traceparent

IDS = re.compile(r"[0-9a-f]{32}-[0-9a-f]{16}")


def run(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    found = traceparent({"TRACEPARENT": text})
    if found:
        trace, _, span = found.partition("-")
        assert IDS.fullmatch(found)
        assert int(trace, 16)
        assert int(span, 16)
        assert int(text.split("-")[3], 16) & 1, "not sampled"
