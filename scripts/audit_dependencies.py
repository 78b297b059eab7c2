"""Whether anything is known against a package of the lock file: then it is named, and the exit code is 1.

Run: python scripts/audit_dependencies.py

The OSV service is asked, or another one like it that $PIP_AUDIT_OSV_URL names. Where none can be reached nothing is
known, and that is said: the exit code is 0 then, since no change of ours could help.
"""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import click

LOCK = Path(__file__).parents[1] / "requirements" / "dev.lock"
OSV = "https://api.osv.dev/v1/query"
PATIENCE = 10.0


def why_unreachable(url: str) -> str:
    """Why nobody answers there; empty if somebody does, whatever the answer is."""
    try:
        urllib.request.urlopen(url, timeout=PATIENCE).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError as error:  # a URLError is one
        return str(getattr(error, "reason", error))
    return ""


def main() -> int:
    url = os.environ.get("PIP_AUDIT_OSV_URL", OSV)
    if cause := why_unreachable(url):
        click.echo(f"audit: skipped, no dependency was looked up: {url} cannot be reached: {cause}", err=True)
        return 0
    # The lock is whole and hashed: what it names is asked for, and nothing is resolved or installed. Strict: what could
    # not be looked up fails, instead of being left out.
    words = ["--strict", "-s", "osv", "--osv-url", url, "--disable-pip", "--progress-spinner", "off"]
    return subprocess.run([sys.executable, "-m", "pip_audit", *words, "-r", str(LOCK)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
