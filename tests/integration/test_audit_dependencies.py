"""What is known against a locked package fails the checks; where nobody can be asked, that is said."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.advisories import advisories

SCRIPT = Path(__file__).parents[2] / "scripts" / "audit_dependencies.py"
pytestmark = pytest.mark.slow


def audited(**environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT)], env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )


def test_a_locked_package_with_a_known_hole_is_named(tmp_path: Path) -> None:
    known = dict[str, str]()
    with advisories(known, tmp_path) as asked:
        well = audited(PIP_AUDIT_OSV_URL=asked["PIP_AUDIT_OSV_URL"])
        known["msgspec"] = "high"
        found = audited(PIP_AUDIT_OSV_URL=asked["PIP_AUDIT_OSV_URL"])
    assert (well.returncode, "No known vulnerabilities" in well.stderr) == (0, True), well.stderr
    assert (found.returncode, "PYSEC-msgspec" in found.stdout) == (1, True), found.stderr


def test_where_nobody_can_be_asked_it_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1/query"
    done = audited(PIP_AUDIT_OSV_URL=url)
    assert done.returncode == 0
    assert done.stderr.startswith(f"audit: skipped, no dependency was looked up: {url} cannot be reached: ")
