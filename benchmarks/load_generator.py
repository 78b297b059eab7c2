"""How fast the load generator can go on one core, and whether its latencies agree with wrk's.

Run: python benchmarks/load_generator.py [seconds a measurement, default 5]

Both tools ask the same nginx for the same `return 200` location. wrk is a closed loop, so it is compared at the rate
that it reached with one connection: there, one request at a time is under way for both. Above that, no closed loop
can say what the open one says.
"""

import asyncio
import re
import subprocess
import sys
import time

import click

from comporta.load import LoadGenerator, Report
from comporta.load.scratch_nginx import scratch_nginx

RATES = (500, 1000, 1500, 2000, 3000, 4000, 5000, 6000, 7000, 8000)
SUSTAINED_WAIT = 0.010  # seconds at the 99th percentile: beyond, the line grows faster than it is served
LOCATION = "location / { return 200 hello; }"


def measure(url: str, rate: float, seconds: float, connections: int = 50) -> tuple[Report, float]:
    """The report at a rate, and the share of one core that the generator used."""
    begin = time.monotonic(), time.process_time()
    report = asyncio.run(LoadGenerator(url, rate=rate, connections=connections).run(seconds))
    return report, (time.process_time() - begin[1]) / (time.monotonic() - begin[0])


def waited(report: Report) -> float:
    """The 99th percentile in seconds of how late requests left."""
    return float(report.as_dict()["wait"]["p99"])


def highest_rate(url: str, seconds: float) -> float:
    """Print a row for each rate until one is not sustained; the last that was."""
    click.echo(f"{'rate/s':>8}{'core':>8}{'failed':>8}{'wait p99':>10}{'latency p50':>13}{'p99':>8}{'p99.9':>8}  (ms)")
    reached = 0.0
    for rate in RATES:
        report, core = measure(url, rate, seconds)
        latencies = [report.latency(percent) * 1000 for percent in (50, 99, 99.9)]
        click.echo(
            f"{rate:>8}{core:>8.0%}{len(report.failed):>8}{waited(report) * 1000:>10.2f}"
            f"{latencies[0]:>13.2f}{latencies[1]:>8.2f}{latencies[2]:>8.2f}"
        )
        if report.failed or waited(report) > SUSTAINED_WAIT:
            break
        reached = rate
    return reached


def wrk(url: str, seconds: float, connections: int) -> tuple[float, dict[str, float]]:
    """What wrk says: requests a second, and its percentiles in seconds."""
    options = ["-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency"]
    printed = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=True).stdout
    units = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
    found = re.findall(r"(50|90|99)%\s+([\d.]+)(us|ms|s)\b", printed)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    if rate is None:
        raise SystemExit(f"cannot read wrk's report:\n{printed}")
    return float(rate[1]), {percent: float(value) * units[unit] for percent, value, unit in found}


def compare(url: str, seconds: float) -> None:
    """Print wrk's latencies with one connection beside the generator's service times."""
    rate, theirs = wrk(url, seconds, connections=1)
    click.echo(f"{'one request at a time, ms':<44}{'p50':>8}{'p90':>8}{'p99':>8}")
    row(f"wrk, closed loop, {rate:.0f}/s", [theirs[percent] for percent in ("50", "90", "99")])
    for own_rate in (400, 1500):
        report, _ = measure(url, own_rate, seconds, connections=1)
        row(f"open loop, {own_rate}/s, since sent", [report.service(percent) for percent in (50, 90, 99)])
        row(f"open loop, {own_rate}/s, since due", [report.latency(percent) for percent in (50, 90, 99)])


def row(title: str, seconds: list[float]) -> None:
    click.echo(f"{title:<44}" + "".join(f"{value * 1000:>8.3f}" for value in seconds))


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    with scratch_nginx(LOCATION) as nginx:
        reached = highest_rate(nginx.url, seconds)
        click.echo(
            f"highest rate sustained (p99 of the wait at most {SUSTAINED_WAIT * 1000:.0f} ms): {reached:.0f}/s\n"
        )
        compare(nginx.url, seconds)


if __name__ == "__main__":
    main()
