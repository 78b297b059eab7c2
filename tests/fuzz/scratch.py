"""A folder for files that the targets read, and what every target lets pass."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from comporta.model.errors import ComportaError, ConfigError


@cache
def folder() -> Path:
    made = Path(tempfile.mkdtemp(prefix="comporta-fuzz-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def written(name: str, data: bytes) -> Path:
    path = folder() / name
    path.write_bytes(data)
    return path


@contextmanager
def documented() -> Iterator[None]:
    """An error that is told to a person passes, if it says something; of a config it also says what to do."""
    told: list[ComportaError] = []
    try:
        yield
    except ComportaError as error:
        told.append(error)
    for error in told:
        assert error.message.strip(), "an error without a message"
        assert error.next or not isinstance(error, ConfigError), f"no next step: {error.message}"
