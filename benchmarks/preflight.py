"""How long `comporta preflight` takes beside its slowest gate.

Run: python benchmarks/preflight.py [seconds of the slowest gate, default 30] [runs, default 3]

Eight gates wait, the first an eighth of that time, the last all of it: as audits wait for a service, or builds for a
disk. (Gates that compute share the cores.) Beside them, in the same run: the command without gates of one's own, which
is what it costs to start, and all gates one after the other, by the times that they report. Exits with 1 if the whole
command takes, as the median of all runs, more than a tenth longer than its slowest gate.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import click

from comporta.load.free_ports import free_ports

GATES = 8
ALLOWED = 1.10
CONFIG = """\
service: bench
release: {{process: {{directory: "releases/{{version}}", command: ["{{python}}", app.py, "{{port}}"]}}}}
health: {{checks: [{{name: api, path: /}}]}}
environments: {{development: {{domain: "localhost:{port}", slots: {{blue: {blue}, green: {green}}}}}}}
preflight: {gates}
"""


def configure(folder: Path, port: int, seconds: list[float]) -> None:
    """Gates that wait so many seconds each."""
    code = "import sys, time; time.sleep(float(sys.argv[1]))"
    gates = [{"name": f"gate {wait:g} s", "run": [sys.executable, "-c", code, str(wait)]} for wait in seconds]
    text = CONFIG.format(port=port, blue=port + 1, green=port + 2, gates=json.dumps({"gates": gates}))
    (folder / "comporta.yml").write_text(text)


def asked(folder: Path) -> tuple[float, list[dict[str, Any]]]:
    """Wall seconds of the command, and its gates."""
    began = time.monotonic()
    words = [sys.executable, "-m", "comporta.main", "preflight", "1.0.0", "--json"]
    done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    took = time.monotonic() - began
    return took, json.loads(done.stdout)["gates"]


@click.command()
@click.argument("slowest", type=click.FloatRange(min=0.1), default=30.0)
@click.argument("runs", type=click.IntRange(min=1), default=3)
def main(slowest: float, runs: int) -> None:
    """Print the table."""
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "releases" / "1.0.0").mkdir(parents=True)
        port = free_ports(3)
        click.echo(f"{'run':>3}{'no gates s':>12}{'slowest s':>12}{'all s':>8}{'ratio':>8}{'one by one s':>14}")
        for run in range(runs):
            configure(folder, port, [])
            alone, _ = asked(folder)
            configure(folder, port, [slowest * (number + 1) / GATES for number in range(GATES)])
            took, gates = asked(folder)
            times = [gate["seconds"] for gate in gates]
            ratios.append(took / max(times))
            figures = f"{alone:12.2f}{max(times):12.2f}{took:8.2f}{ratios[-1]:8.2f}{sum(times):14.1f}"
            click.echo(f"{run + 1:3}{figures}")
    click.echo(f"the whole command: {median(ratios):.2f} times its slowest gate (at most {ALLOWED:.2f})")
    sys.exit(1 if median(ratios) > ALLOWED else 0)


if __name__ == "__main__":
    main()
