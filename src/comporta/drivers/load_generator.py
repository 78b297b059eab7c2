"""The open-loop generator (`comporta.load`) as the Load port. Plain HTTP, as instances speak it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from comporta.model.checks import Target
from comporta.model.histogram import Histogram
from comporta.model.load import LoadBlock

if TYPE_CHECKING:
    from comporta.load import Client, Report

WELL = tuple(range(200, 400))
CONNECTIONS = 256
"""At most this many requests are in flight: a service in collapse is to be seen, not drowned."""


class GeneratedLoad:
    """Implements the Load port. The generator is imported only when load is made: most commands make none."""

    async def steady(self, target: Target, path: str, *, rate: float, seconds: float, timeout: float) -> LoadBlock:
        from comporta.load import LoadGenerator, Request

        request = Request("validate", path=path, headers=_headers(target), expect=WELL)
        load = LoadGenerator(target.url, rate=rate, mix=[request], connections=CONNECTIONS, timeout=timeout)
        return _block(await load.run(seconds), seconds)

    async def busy(self, target: Target, path: str, *, connections: int, seconds: float, timeout: float) -> LoadBlock:
        from comporta.load import LoadGenerator, RequestFailed, Scenario

        begin = time.monotonic()

        async def ask_again_and_again(client: Client) -> None:
            while time.monotonic() < begin + seconds:
                try:
                    await client.request("GET", path, headers=_headers(target), expect=WELL)
                except RequestFailed:
                    continue

        scenario = Scenario("validate", ask_again_and_again)
        arrivals = 1000.0  # all of them within so many milliseconds
        load = LoadGenerator(target.url, rate=arrivals, mix=[scenario], connections=connections, timeout=timeout)
        report = await load.run(connections / arrivals)
        return _block(report, time.monotonic() - begin)


def _headers(target: Target) -> tuple[tuple[str, str], ...]:
    return (("Host", target.host), *target.headers.items())


def _block(report: Report, seconds: float) -> LoadBlock:
    answered = report.answered
    last = max((sample.finished for sample in answered), default=0.0) - report.begin
    return LoadBlock(
        sent=len(report.samples),
        failed=len(report.samples) - len(answered),
        seconds=max(seconds, last),
        latencies=Histogram.of(sample.latency for sample in answered),
    )
