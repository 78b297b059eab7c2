"""Whoever can write into the folder where a command is run must not get its rights by that."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from comporta.drivers.apart import start_apart


def test_a_module_that_lies_in_the_folder_is_not_imported_by_what_comporta_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("click", "anyio", "re"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'planted')!r}, 'w').close()\n")
    log = tmp_path / "log"
    start_apart(["--version"], log)
    while "version" not in log.read_text():
        assert "Error" not in log.read_text(), log.read_text()
        time.sleep(0.05)
    assert not (tmp_path / "planted").exists()
