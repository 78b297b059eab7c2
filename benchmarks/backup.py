"""Backup and restore of a large PostgreSQL database against plain pg_dump and pg_restore, in one run.

    python benchmarks/backup.py --gigabytes 1

Needs PostgreSQL's server programs. Each pair is measured `--rounds` times, in turns, and the medians are compared: what
comporta does more is a checksum, row counts and a manifest; on restore also the comparison and the swap. A backup is
made without its verification here, which is a restore of its own: with it, a backup takes as long as both together.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.postgresql import Server, postgresql, rows

CONFIG = """\
service: shop
release: {process: {directory: "releases/{version}", command: ["true"]}}
health: {checks: [{name: api, path: /}]}
database: {url: "${DATABASE_URL}", backups: {verify: false}}
environments: {development: {domain: "localhost:8080"}}
"""
ROWS_PER_GB = 2_600_000
FILL = """
INSERT INTO orders (customer, at, note, lines)
SELECT i % 50000, now() - i * interval '1 s', md5(i::text) || md5((i * 7)::text),
    jsonb_build_object('sku', i % 9973, 'text', repeat(md5((i % 1000)::text), 5))
FROM generate_series(1, {count}) i
"""
SCHEMA = "CREATE TABLE orders (id bigserial PRIMARY KEY, customer int, at timestamptz, note text, lines jsonb)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    with postgresql() as server, tempfile.TemporaryDirectory() as folder:
        Bench(server, Path(folder)).run(asked.gigabytes, asked.rounds)


class Bench:
    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._url = server.database()
        (folder / "comporta.yml").write_text(CONFIG)

    def run(self, gigabytes: float, rounds: int) -> None:
        self._fill(int(gigabytes * ROWS_PER_GB))
        ((size,),) = rows(self._url, "SELECT pg_database_size(current_database())")
        say(f"database: {size / 1e9:.2f} GB")
        compare("backup", rounds, self._plain_dump, lambda: self._comporta("backup", "--no-verify"))
        say(f"dump: {(self._folder / 'plain.dump').stat().st_size / 1e6:.0f} MB")
        words = ("restore", self._newest(), "--yes", "--no-safety-backup")
        compare("restore", rounds, self._plain_restore, lambda: self._comporta(*words))

    def _fill(self, count: int) -> None:
        rows(self._url, SCHEMA)
        rows(self._url, FILL.format(count=count))
        rows(self._url, "CREATE INDEX ON orders (customer)")
        rows(self._url, "VACUUM ANALYZE orders")

    def _plain_dump(self) -> None:
        subprocess.run(["pg_dump", "-Fc", "-f", self._folder / "plain.dump", self._url], check=True)

    def _plain_restore(self) -> None:
        url = self._server.database()
        subprocess.run(["pg_restore", "-d", url, self._folder / "plain.dump"], check=True)
        rows(self._server.url("postgres"), f"DROP DATABASE {url.rpartition('/')[2]}")

    def _newest(self) -> str:
        return max(path.name for path in self._folder.rglob("*.data")).removesuffix(".data")

    def _comporta(self, *words: str) -> None:
        env = {**os.environ, "DATABASE_URL": self._url}
        command = [sys.executable, "-m", "comporta.main", "database", *words]
        subprocess.run(command, cwd=self._folder, env=env, check=True, stdin=subprocess.DEVNULL)


def compare(what: str, rounds: int, plain: Callable[[], None], ours: Callable[[], None]) -> None:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for act, seconds in zip((plain, ours), times, strict=True):
            began = time.perf_counter()
            act()
            seconds.append(time.perf_counter() - began)
    first, second = (statistics.median(seconds) for seconds in times)
    say(f"{what}: plain {first:.1f} s, comporta {second:.1f} s, ratio {second / first:.2f}  {times}")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
