"""Squawk: a linter for PostgreSQL's SQL with a grammar of its own, as a second pair of eyes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from comporta.model.errors import MissingTool
from comporta.model.migrations import Dialect, Harm, Hazard, Script

STYLE = (
    "ban-char-field", "identifier-too-long", "prefer-bigint-over-int", "prefer-bigint-over-smallint", "prefer-identity",
    "prefer-robust-stmts", "prefer-text-field", "prefer-timestamp-tz", "require-enum-value-ordering",
    "require-lock-timeout", "require-statement-timeout",
)  # fmt: skip
"""Rules about taste, and about limits that comporta itself sets."""
DECIDED = ("adding-field-with-default", "ban-concurrent-index-creation-in-transaction")
"""Rules that ours decide more exactly: which defaults are constant, and what stands alone in its migration."""
BLOCKING = {
    "adding-foreign-key-constraint", "constraint-missing-not-valid", "disallowed-unique-constraint",
    "require-concurrent-index-creation", "require-concurrent-index-deletion", "require-concurrent-partition-detach",
    "require-concurrent-reindex",
}  # fmt: skip
"""Rules about locks. The others are about what the earlier release needs."""


class Squawk:
    """Implements the Linter port with the program of the same name, from our own environment or the PATH."""

    def reads(self, dialect: Dialect) -> bool:
        return dialect is Dialect.POSTGRESQL

    async def lint(self, file: str, scripts: tuple[Script, ...]) -> tuple[Hazard, ...]:
        import anyio

        text = "\n".join(f"{script.sql}\n;" for script in scripts)
        left_out = ",".join(STYLE + DECIDED)
        command = [program(), "--reporter", "json", "--assume-in-transaction", "--exclude", left_out]
        command += ["--stdin-filepath", "migration.sql"]
        # In a folder without a .squawk.toml: what is safe does not depend on where the command is given.
        done = await anyio.run_process(command, input=text.encode(), check=False, cwd="/", stderr=subprocess.PIPE)
        try:
            found = json.loads(done.stdout)
        except ValueError:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise MissingTool(
                f"cannot lint {file}: squawk says {said!r}", next="pip install 'comporta[database]'"
            ) from None
        return tuple(_hazard(file, scripts, finding) for finding in found)


def program() -> str:
    beside = Path(sys.executable).with_name("squawk")
    found = str(beside) if beside.is_file() else shutil.which("squawk")
    if found is None:
        raise MissingTool("cannot read SQL: squawk is not installed", next="pip install 'comporta[database]'")
    return found


def _hazard(file: str, scripts: tuple[Script, ...], finding: dict[str, Any]) -> Hazard:
    rule = str(finding["rule_name"])
    harm = Harm.UNREAD if rule == "syntax-error" else Harm.BLOCKS if rule in BLOCKING else Harm.BREAKS
    return Hazard(
        file=file,
        line=_line(scripts, int(finding["line"])),
        rule=f"squawk/{rule}",
        harm=harm,
        message=str(finding["message"]),
        remedy=str(finding.get("help") or "see the rule in Squawk's documentation"),
    )


def _line(scripts: tuple[Script, ...], line: int) -> int:
    """The line of the file, for a line (from 0) of the scripts one after another."""
    for script in scripts:
        size = script.sql.count("\n") + 2
        if line < size:
            return script.line + line
        line -= size
    return scripts[-1].line
