"""One target for each kind of input: `run(data)` gives bytes to the real entry point.

It returns where the input was taken, or refused with an error that is told to a person. Any other exception is a
finding, and so is an input that takes too long.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

Target = Callable[[bytes], None]
CORPORA = Path(__file__).parents[1] / "corpora"
NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py")))


def load(name: str) -> Target:
    found: Target = importlib.import_module(f"fuzz.targets.{name}").run
    return found


def corpus(name: str) -> list[Path]:
    return sorted(path for path in (CORPORA / name).iterdir() if path.is_file())
