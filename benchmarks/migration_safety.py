"""What finds unsafe migrations: Squawk alone, and comporta (its own rules, with Squawk as a second reader).

    python benchmarks/migration_safety.py

Over tests/corpus/migrations, PostgreSQL only, as Squawk reads no other SQL. "Squawk" is its default rules without those
about taste; "every rule" also has the ones that must be asked for. Squawk knows no phases and none of our annotations:
cases that turn on these are left out of the comparison, and counted on their own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import anyio
import click

from comporta.drivers.linters.squawk import STYLE, Squawk, program
from comporta.model.migrations import Dialect
from comporta.safety.assessing import assess
from support.corpus import Case, cases

OPTIONAL = (
    "ban-alter-policy-condition", "ban-alter-view-options", "ban-create-policy",
    "ban-disable-trigger", "ban-drop-constraint", "ban-drop-domain", "ban-drop-function", "ban-drop-index",
    "ban-drop-policy", "ban-drop-schema", "ban-drop-sequence", "ban-drop-type", "ban-drop-view",
    "ban-new-write-restriction", "ban-replace-view-function", "ban-revoke", "ban-set-default", "ban-set-schema",
    "ban-alter-row-level-security", "renaming-object", "require-concurrent-reindex",
    "require-concurrent-partition-detach",
)  # fmt: skip
"""Rules of Squawk about what an earlier release needs, which are off unless they are included."""


def main() -> None:
    found = [case for case in cases() if case.dialect is Dialect.POSTGRESQL]
    compared = [case for case in found if "comporta:" not in case.sql]
    ours = {case.name for case in found if case.assess().stopping}
    both = {case.name for case in found if anyio.run(_with_second_reader, case)}
    default = _squawk(compared, ())
    everything = _squawk(compared, OPTIONAL)
    click.echo(
        f"{len(compared)} migrations ({sum(c.safe for c in compared)} safe, {sum(not c.safe for c in compared)} not)\n"
    )
    click.echo(f"{'':28}{'caught':>8}{'missed':>8}{'false alarms':>14}")
    for name, flagged in (
        ("squawk", default),
        ("squawk, every rule", everything),
        ("comporta's rules", ours),
        ("comporta with squawk", both),
    ):
        click.echo(f"{name:28}{_row(compared, flagged)}")
    rest = [case for case in found if case not in compared]
    click.echo(f"\n{len(rest)} more turn on annotations ({sum(c.safe for c in rest)} safe):")
    click.echo(f"{'comporta with squawk':28}{_row(rest, both)}")
    _list("\nmissed by squawk (every rule)", [c for c in compared if not c.safe and c.name not in everything])
    _list("false alarms of squawk (every rule)", [c for c in compared if c.safe and c.name in everything])
    _list("false alarms of comporta with squawk", [c for c in found if c.safe and c.name in both])


def _row(compared: list[Case], flagged: set[str]) -> str:
    unsafe = [case for case in compared if not case.safe]
    caught = sum(case.name in flagged for case in unsafe)
    alarms = sum(case.name in flagged for case in compared if case.safe)
    return f"{caught:>8}{len(unsafe) - caught:>8}{alarms:>14}"


def _list(title: str, listed: list[Case]) -> None:
    click.echo(f"{title}: {', '.join(case.name for case in listed) or 'none'}")


async def _with_second_reader(case: Case) -> bool:
    migration = case.migration
    assert migration.scripts is not None
    second = await Squawk().lint(case.name, migration.scripts)
    return bool(assess([migration], case.dialect, {migration.revision: second})[0].stopping)


def _squawk(compared: list[Case], included: tuple[str, ...]) -> set[str]:
    command = [program(), "--reporter", "json", "--exclude", ",".join(STYLE)]
    command += ["--include", ",".join(included)] if included else []
    with tempfile.TemporaryDirectory() as folder:
        for case in compared:
            (Path(folder) / f"{case.name}.sql").write_text(case.sql)
        names = [f"{case.name}.sql" for case in compared]
        done = subprocess.run([*command, *names], cwd=folder, capture_output=True, text=True, check=False)
    return {Path(finding["file"]).stem for finding in json.loads(done.stdout)}


if __name__ == "__main__":
    main()
