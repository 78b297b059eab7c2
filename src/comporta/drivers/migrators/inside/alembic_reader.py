"""Reads a release's Alembic migrations, in that release's own Python. Run by its path; imports only Alembic.

Writes JSON: each revision with its file, whether there is a way back, and the SQL that upgrading executes, from
Alembic's offline mode, with the lines of the file it comes from. A comment `# comporta: …` at an operation, or on the
lines above it, goes with its SQL.
"""

from __future__ import annotations

import ast
import io
import json
import os
import sys
import tokenize
from types import FrameType
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.ddl.impl import DefaultImpl
from alembic.script import Script, ScriptDirectory


def main(config_file: str, target: str) -> None:
    sys.path[0] = os.getcwd()  # as with `python -m alembic`: env.py imports the release's own modules
    config = Config(config_file, output_buffer=io.StringIO())
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    with open(target, "w", encoding="utf-8") as file:
        json.dump([described(config, script) for script in reversed(scripts)], file)


def described(config: Config, script: Script) -> dict[str, Any]:
    down = script.down_revision
    return {
        "revision": script.revision,
        "after": [down] if isinstance(down, str) else list(down or ()),
        "title": script.doc,
        "file": script.path,
        "reversible": is_reversible(script.path),
        "scripts": upgrade_sql(config, script),
    }


def upgrade_sql(config: Config, script: Script) -> list[dict[str, Any]] | None:
    """None where it cannot be known without a database."""
    found: list[dict[str, Any]] = []
    comments = comments_of(script.path)

    def static_output(self: DefaultImpl, text: str) -> None:
        line = line_in(script.path, sys._getframe())
        if line is not None:
            notes = notes_at(line, comments)
            found.append({"sql": "\n".join([*(f"-- {note}" for note in notes), text]), "line": line - len(notes)})

    plain = DefaultImpl.static_output
    DefaultImpl.static_output = static_output  # type: ignore[method-assign]  # the one place all of its SQL goes through
    try:
        command.upgrade(config, f"{script.down_revision or 'base'}:{script.revision}", sql=True)
    except Exception as error:
        sys.stderr.write(f"{script.path}: {error}\n")
        return None
    finally:
        DefaultImpl.static_output = plain  # type: ignore[method-assign]
    return found


def line_in(path: str, frame: FrameType | None) -> int | None:
    """The line of a file from which this was called."""
    while frame is not None:
        if frame.f_code.co_filename == path:
            return frame.f_lineno
        frame = frame.f_back
    return None


def comments_of(path: str) -> dict[int, tuple[str, bool]]:
    """Line → its comment, and whether it has the line to itself."""
    with tokenize.open(path) as file:
        tokens = list(tokenize.generate_tokens(file.readline))
    return {
        token.start[0]: (token.string.lstrip("# "), not token.line[: token.start[1]].strip())
        for token in tokens
        if token.type == tokenize.COMMENT
    }


def notes_at(line: int, comments: dict[int, tuple[str, bool]]) -> list[str]:
    notes = [comments[line][0]] if line in comments else []
    above = line - 1
    while above in comments and comments[above][1]:
        notes.insert(0, comments[above][0])
        above -= 1
    return notes


def is_reversible(path: str) -> bool:
    """`downgrade` does something other than `pass` or to raise, or `upgrade` does nothing either."""
    with open(path, "rb") as file:
        functions = {node.name: node for node in ast.parse(file.read()).body if isinstance(node, ast.FunctionDef)}
    down, up = functions.get("downgrade"), functions.get("upgrade")
    return (down is not None and acts(down)) or (up is not None and not acts(up))


def acts(function: ast.FunctionDef) -> bool:
    body = [node for node in function.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    return not all(isinstance(node, ast.Pass | ast.Raise) for node in body)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
