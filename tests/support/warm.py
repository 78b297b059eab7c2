"""Imported by the process whose forks are the tests' commands: what each of them would do anew is done here once."""

from __future__ import annotations

import gc
import pkgutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import comporta
from comporta.config import loading
from comporta.main import option_types

for module in pkgutil.walk_packages(comporta.__path__, "comporta."):
    # The demo is no part of the command, and a program is not imported before it is run.
    if not module.name.startswith(("comporta.demo", "comporta.testing")) and not module.name.endswith("__main__"):
        import_module(module.name)
with tempfile.TemporaryDirectory() as folder:
    config = Path(folder, loading.FILE_NAME)
    config.write_text(loading.starter("shop"))
    loading.load(config, "development", option_types(), {})
del sys.modules["comporta.main"]  # it is such a program
gc.freeze()  # else each fork copies all of this only to look for garbage in it
