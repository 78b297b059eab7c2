"""The load generator as a command: options in, the same report out as a table or as JSON."""

import asyncio
import json
import re
import signal
from contextlib import AsyncExitStack
from typing import Any

import click

from comporta.load.open_loop import LoadGenerator
from comporta.load.relay import Relay
from comporta.load.report import Report
from comporta.load.requests import Address, Request
from comporta.load.table import table


class Quantity(click.ParamType[float]):
    """A number with a unit, e.g. 20ms or 1k."""

    def __init__(self, name: str, units: dict[str, float]) -> None:
        self.name = name
        self._units = units

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = re.fullmatch(r"([\d.]+)([a-z]*)", str(value).lower())
        if match is None or match[2] not in self._units:
            self.fail(f"{value!r} is not a {self.name}; units: {', '.join(filter(None, self._units))}", param, ctx)
        return float(match[1]) * self._units[match[2]]


DURATION = Quantity("duration", {"": 1, "ms": 0.001, "s": 1, "m": 60})
SIZE = Quantity("size", {"": 1, "b": 1, "k": 1024, "m": 1024**2})


def _http_url(context: click.Context, param: click.Parameter, url: str) -> str:
    try:
        Address.of(url)
    except ValueError as error:
        raise click.BadParameter(str(error), context, param) from None
    return url


@click.command()
@click.argument("url", callback=_http_url)
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), default=100, show_default=True, help="Requests a second."
)
@click.option("--poisson", is_flag=True, help="Arrivals at random moments instead of evenly spaced ones.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same arrivals.")
@click.option("--duration", type=DURATION, default="10s", show_default=True)
@click.option("--connections", type=click.IntRange(min=1), default=50, show_default=True, help="Kept open at most.")
@click.option("--fresh", type=click.FloatRange(0, 1), default=0, show_default=True, help="Share on new connections.")
@click.option("--method", default="GET", show_default=True)
@click.option("--body-size", type=SIZE, default="0", help="Bytes in the body of each request, e.g. 1k.")
@click.option("--expect", type=int, multiple=True, default=[200], show_default=True, help="Status that is no failure.")
@click.option("--timeout", type=DURATION, default="10s", show_default=True)
@click.option("--rtt", type=DURATION, default="0", help="Round trip to add, e.g. 20ms.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_context
def main(context: click.Context, /, url: str, duration: float, rtt: float, as_json: bool, **options: Any) -> None:
    """Send requests to URL on a schedule and report what became of each. Ctrl-C ends it early.

    Exits with 1 if a request failed.
    """
    report = asyncio.run(_run(url, duration, rtt, options))
    click.echo(json.dumps(report.as_dict(), indent=2) if as_json else table(report))
    context.exit(1 if report.failed else 0)


async def _run(url: str, duration: float, rtt: float, options: dict[str, Any]) -> Report:
    address = Address.of(url)
    headers = (("Host", address.authority),)  # the relay's port is no business of the server's
    body = b"x" * int(options["body_size"])
    request = Request("request", options["method"], address.target, body, headers, expect=tuple(options["expect"]))
    async with AsyncExitStack() as stack:
        if rtt:
            relay = await stack.enter_async_context(Relay(address.host, address.port, rtt=rtt))
            url = f"http://127.0.0.1:{relay.port}"
        load = LoadGenerator(
            url,
            rate=options["rate"],
            mix=[request],
            connections=options["connections"],
            fresh=options["fresh"],
            timeout=options["timeout"],
            arrivals="poisson" if options["poisson"] else "constant",
            seed=options["seed"],
        )
        _finish_on_interrupt(load)
        return await load.run(duration)


def _finish_on_interrupt(load: LoadGenerator) -> None:
    loop = asyncio.get_running_loop()

    def finish() -> None:
        loop.remove_signal_handler(signal.SIGINT)  # a second Ctrl-C does not wait for the last answers
        load.finish()

    loop.add_signal_handler(signal.SIGINT, finish)


if __name__ == "__main__":
    main(prog_name="python -m comporta.load")
