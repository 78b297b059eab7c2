"""What every migrator needs of this machine."""

from __future__ import annotations

from importlib.util import find_spec

from comporta.model.findings import Finding

PACKAGES = ("psycopg", "sqlglot")


def diagnose() -> list[Finding]:
    missing = [name for name in PACKAGES if find_spec(name) is None]
    text = f"missing: {', '.join(missing)}" if missing else "what reads and applies migrations is installed"
    return [Finding(name="migrations", ok=not missing, text=text, next="pip install 'comporta[database]'")]
