"""The usual gates of a kind of project, by the files that lie in it. Each is skipped where its tool is missing."""

from __future__ import annotations

from collections.abc import Collection

from comporta.model.preflight import GateSpec

LOCKS = ("package-lock.json", "yarn.lock", "pnpm-lock.yaml", "requirements.txt", "poetry.lock", "uv.lock")


def presets(files: Collection[str]) -> tuple[GateSpec, ...]:
    """Args: files: the names in the service's folder."""
    found: list[GateSpec] = []
    if {"pyproject.toml", "requirements.txt", "setup.py"} & set(files):
        found += _python("requirements.txt" in files)
    if "package.json" in files:
        found += NODE
    if "package-lock.json" in files:
        found += NODE_AUDITS
    if "Dockerfile" in files:
        found += DOCKER
    if set(LOCKS) & set(files):
        found.append(_gate("known vulnerabilities", "osv-scanner", "scan", "source", "--recursive", "."))
    return tuple(found)


def _gate(name: str, *run: str, after: str = "") -> GateSpec:
    return GateSpec(name=name, run=run, needs=run[0], after=after)


def _python(requirements: bool) -> list[GateSpec]:
    return [
        _gate("Python tests", "pytest"),
        _gate("Python lint", "ruff", "check", "."),
        _gate(
            "Python security",
            "bandit",
            "--quiet",
            "--severity-level=medium",
            "--recursive",
            ".",
            "--exclude",
            "./.venv,./tests",
        ),
        # Strict: what could not be looked up has not passed.
        _gate(
            "Python dependencies", "pip-audit", "--strict", *(("-r", "requirements.txt") if requirements else (".",))
        ),
    ]


NODE = [
    _gate("Node tests", "npm", "test", "--if-present"),
    _gate("Node lint", "npm", "run", "lint", "--if-present"),
]
NODE_AUDITS = [
    _gate("Node security", "npm", "audit", "--audit-level=high"),
    _gate("Node dependencies", "npm", "audit", "--audit-level=moderate", "--omit=dev"),
]
IMAGE = "{service}:{version}-preflight"
DOCKER = [
    _gate("image build", "docker", "build", "--tag", IMAGE, "."),
    _gate(
        "image scan", "trivy", "image", "--exit-code", "1", "--severity", "HIGH,CRITICAL", IMAGE, after="image build"
    ),
]
