"""Reads an env file: `NAME=value` lines. Nothing is expanded in it: a `$` in a password stays a `$`."""

from __future__ import annotations

import io
from pathlib import Path

from comporta.model.errors import ConfigError


def read(path: Path) -> dict[str, str]:
    """Names and values, the last one where a name stands twice.

    Raises:
        ConfigError: a line cannot be read. Only its number is told, as it may hold a secret.
        OSError: the file cannot be opened.
    """
    from dotenv.parser import parse_stream

    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"cannot read {path}: it is not UTF-8", next="save the file in the encoding UTF-8") from None
    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.key is None and not binding.error:
            continue
        written = binding.original.string
        line = binding.original.line + written[: len(written) - len(written.lstrip())].count("\n")
        if binding.key is None or binding.value is None or "\0" in written:
            raise ConfigError(f"{path}:{line}:1: cannot read this line", next="write it as NAME=value")
        values[binding.key] = binding.value
    return values
