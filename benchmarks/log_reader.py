"""What counting requests in nginx's access log costs, beside a bare `for line in file: line.split(b"\\t")`.

Run: python benchmarks/log_reader.py [simulated seconds at 10,000 requests a second, default 600]

The log is counted once a second, as a canary's watch does, and moved aside when it is long, as comporta does. Memory is
what the process holds beyond its start; "kept" is one reading of all that is left of the log at the end.
"""

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import psutil

from comporta.drivers.routers.log_files import move_aside
from comporta.drivers.routers.nginx_log import request_log

RATE = 10_000
START = 1_700_000_000
MARK = b"<second>"


def second_of_lines() -> bytes:
    """A second's lines as the router's `log_format` writes them, with a mark in place of the second."""
    chance = random.Random(1)
    return b"".join(
        b"%s.%03d\t%s\t%.3f\tblue\t%d\t%s\t%.3f\t127.0.0.1:%d\t%d\n"
        % (MARK, number * 1000 // RATE, status, latency, release, status, latency, port, chance.randrange(200, 9000))
        for number in range(RATE)
        for latency in [chance.lognormvariate(-4, 1)]
        for status in [chance.choices((b"200", b"500"), (99, 1))[0]]
        for release, port in [chance.choice(((12, 8101), (12, 8102), (12, 8103), (13, 8111)))]
    )


def cpu(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def bare(log: Path) -> None:
    with log.open("rb") as file:
        for line in file:
            line.split(b"\t")


def speed(log: Path, template: bytes) -> tuple[float, float]:
    """Lines a second, best of five: counted, and split only."""
    log.touch()
    cursor = request_log(log).end()
    with log.open("ab") as file:
        file.writelines(template.replace(MARK, b"%d" % (START + second)) for second in range(30))
    counted = min(cpu(lambda: request_log(log).read(cursor)) for _ in range(5))
    split = min(cpu(lambda: bare(log)) for _ in range(5))
    log.unlink()
    return 30 * RATE / counted, 30 * RATE / split


def watch(log: Path, template: bytes, seconds: int) -> tuple[float, int, float, float]:
    """CPU seconds for each second of traffic, requests counted, MiB at most, and MiB for a reading of all."""
    process = psutil.Process()
    log.touch()
    first = cursor = request_log(log).end()
    begin, most, spent, requests = process.memory_info().rss, 0, 0.0, 0
    for second in range(seconds):
        if move_aside(log):
            log.touch()
        with log.open("ab") as file:
            file.write(template.replace(MARK, b"%d" % (START + second)))
        clock = time.process_time()
        reading = request_log(log).read(cursor)
        spent += time.process_time() - clock
        cursor, requests = reading.cursor, requests + reading.total.requests
        most = max(most, process.memory_info().rss)
    kept = request_log(log).read(first)
    assert kept.figures
    return spent / seconds, requests, (most - begin) / 2**20, (process.memory_info().rss - begin) / 2**20


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    template = second_of_lines()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "access.log"
        share, requests, most, kept = watch(log, template, seconds)
        log.unlink()
        counted, split = speed(log, template)
    click.echo(f"lines/s, one core: {counted:,.0f} counted, {split:,.0f} split only; ratio {split / counted:.2f}")
    click.echo(f"CPU of one core at {RATE:,} requests/s: {share:.2%}; split only {RATE / split:.2%}")
    click.echo(f"{requests:,} of {seconds * RATE:,} requests counted in {seconds} simulated seconds")
    click.echo(f"memory: {most:.1f} MiB at most while watching; {kept:.1f} MiB with a reading of all that is kept")


if __name__ == "__main__":
    main()
