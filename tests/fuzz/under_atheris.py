"""One target under atheris: `python -m fuzz.under_atheris TARGET` and what libFuzzer takes. See `scripts/fuzz.py`."""

from __future__ import annotations

import importlib.util
import sys

import atheris

LIBRARIES = ("comporta", "dotenv", "h11", "prometheus_client", "sqlglot.parser", "tomllib")
"""What is looked at while it runs: our own code, and what reads an input for us."""


def main() -> None:
    name, *flags = sys.argv[1:]
    present = [library for library in LIBRARIES if importlib.util.find_spec(library.partition(".")[0])]
    with atheris.instrument_imports(include=present, enable_loader_override=False):
        from fuzz import targets

        run = targets.load(name)
        run(b"")  # what is imported late is imported now
    # libFuzzer starts itself again to merge corpora, by a shell and its first word.
    atheris.Setup([f"{sys.executable} -m fuzz.under_atheris {name}", *flags], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
