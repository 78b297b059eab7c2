"""Projects of three kinds, each of whose gates can be made to fail alone.

What asks is real (pytest, ruff, bandit, pip-audit, npm, docker), but for trivy and osv-scanner: neither is to be had
from a registry of packages, so stand-ins under their names take just the words that the gates give, and print and exit
as the documentation of the real ones says.
"""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

STAND_IN = """#!{python}
import pathlib, sys
if sys.argv[1:] != {words!r}:
    sys.exit(f"unknown command: {{sys.argv[1:]}}")
found = pathlib.Path({found!r})
if found.exists():
    print(found.read_text())
    sys.exit(1)
"""
TRIVY = """
shop:1.1.0-preflight (alpine 3.20.0)
====================================
Total: 1 (HIGH: 1, CRITICAL: 0)

│ Library │ Vulnerability │ Severity │ Status │ Installed Version │ Fixed Version │
│ openssl │ CVE-2026-0001 │ HIGH     │ fixed  │ 3.3.0-r2          │ 3.3.0-r3      │
"""
OSV_SCANNER = """
| OSV URL                  | CVSS | ECOSYSTEM | PACKAGE | VERSION | SOURCE |
| https://osv.dev/OSV-2026 | 7.5  | any       | cart    | 0.1     | .      |
"""


@dataclass
class Workplace:
    """Where a project lies.

    Attributes:
        known: what is known of packages, for `advisories`.
        tools: the stand-ins, for the PATH.
    """

    folder: Path
    tools: Path
    known: dict[str, str] = field(default_factory=dict)

    def write(self, **files: str) -> None:
        """`__` in a name is a dot."""
        for name, text in files.items():
            (self.folder / name.replace("__", ".")).write_text(text)

    def stand_in(self, program: str, *words: str) -> None:
        script = self.tools / program
        found = str(self.tools / f"{program}.txt")
        script.write_text(STAND_IN.format(python=sys.executable, words=[*words], found=found))
        script.chmod(0o755)
        Path(found).unlink(missing_ok=True)

    def finds(self, program: str, text: str) -> None:
        (self.tools / f"{program}.txt").write_text(text)


Act = Callable[[Workplace], None]


@dataclass(frozen=True)
class Project:
    """A kind of project.

    Attributes:
        make: writes it, or writes it anew, so that all gates pass.
        breaks: name of a gate → what makes it fail, and what it then says.
    """

    make: Act
    breaks: dict[str, tuple[Act, str]]


def _python(place: Workplace) -> None:
    place.write(
        pyproject__toml="[tool.ruff]\nexclude = ['releases']\n",
        requirements__txt="cart==0.1\n",
        shop__py="",
        test_shop__py="def test_it():\n    assert 1\n",
    )
    _lock(place)


def _node(place: Workplace) -> None:
    wanted = {"dependencies": {"cart": "0.1.0"}, "devDependencies": {"linter": "0.1.0"}}
    scripts = {"test": "node test.js", "lint": "node lint.js"}
    packages = {"": {"name": "shop", **wanted}, "node_modules/cart": {"version": "0.1.0"},
                "node_modules/linter": {"version": "0.1.0", "dev": True}}  # fmt: skip
    place.write(package__json=json.dumps({"name": "shop", "scripts": scripts, **wanted}), test__js="", lint__js="")
    lock = json.dumps({"name": "shop", "lockfileVersion": 3, "packages": packages})
    (place.folder / "package-lock.json").write_text(lock)
    _lock(place)


def _docker(place: Workplace) -> None:
    place.write(Dockerfile="FROM scratch\nCOPY comporta.yml /\n")
    place.stand_in("trivy", "image", "--exit-code", "1", "--severity", "HIGH,CRITICAL", "shop:1.1.0-preflight")


def _lock(place: Workplace) -> None:
    """What both kinds with a lock file have: nothing is known of what they use."""
    place.known.clear()
    place.stand_in("osv-scanner", "scan", "source", "--recursive", ".")


def wheel(folder: Path, name: str) -> None:
    """A package with nothing in it, for pip to find."""
    info = f"{name}-0.1.dist-info"
    with zipfile.ZipFile(folder / f"{name}-0.1-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


OSV_FINDS = (lambda place: place.finds("osv-scanner", OSV_SCANNER), "osv.dev/OSV-2026")
PROJECTS = {
    "python": Project(
        _python,
        {
            "Python tests": (
                lambda place: place.write(test_shop__py="def test_it():\n    assert not 1\n"),
                "assert not 1",
            ),
            "Python lint": (lambda place: place.write(shop__py="import os\n"), "F401"),
            "Python security": (
                lambda place: place.write(shop__py="import subprocess\n\nsubprocess.call(input(), shell=True)\n"),
                "B602",
            ),
            "Python dependencies": (lambda place: place.known.update(cart="high"), "PYSEC-cart"),
            "known vulnerabilities": OSV_FINDS,
        },
    ),
    "node": Project(
        _node,
        {
            "Node tests": (lambda place: place.write(test__js="process.exit(1)"), "npm"),
            "Node lint": (lambda place: place.write(lint__js="console.log('odd'); process.exit(2)"), "odd"),
            "Node security": (lambda place: place.known.update(linter="high"), "GHSA-linter-high"),
            "Node dependencies": (lambda place: place.known.update(cart="moderate"), "GHSA-cart-moderate"),
            "known vulnerabilities": OSV_FINDS,
        },
    ),
    "docker": Project(
        _docker,
        {
            "image build": (lambda place: place.write(Dockerfile="FROM scratch\nCOPY nothing /\n"), "nothing"),
            "image scan": (lambda place: place.finds("trivy", TRIVY), "CVE-2026-0001"),
        },
    ),
}
