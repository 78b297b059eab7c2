"""Fuzzes what comporta reads: `scripts/fuzz.py [TARGET…] [--minutes N]`, one target after the other, all by default.

What was found is written beside the corpus, with the command that shows it again (`--input FILE`). What leads to new
places in the code joins the corpus, as far as it is small.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"
sys.path[:0] = [str(ROOT / "src"), str(TESTS)]

from fuzz import targets  # noqa: E402

PATIENCE = 20
"""Seconds for one input, after which it counts as a hang."""
LONGEST = 4096
"""Bytes of an input: what is longer costs time, and says little."""
KEPT = 24_000
"""Bytes that a target's corpus may have, so that the repository stays small."""


@dataclass(frozen=True)
class Run:
    """What one run came to.

    Attributes:
        found: the files whose input shows a defect.
        broke: it ended otherwise than by its time or a finding, so it shows nothing.
    """

    executions: int
    seconds: int
    found: list[Path]
    broke: bool


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(targets.NAMES)}")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each target (default: %(default)g)")
    parser.add_argument("--input", type=Path, metavar="FILE", help="give this one input to TARGET, and stop")
    asked = parser.parse_args()
    if unknown := [name for name in asked.targets if name not in targets.NAMES]:
        parser.error(f"there is no target {unknown[0]}: write one of {', '.join(targets.NAMES)}")
    if asked.input:
        if len(asked.targets) != 1:
            parser.error("--input is for one target: name it")
        targets.load(asked.targets[0])(asked.input.read_bytes())
        return 0
    runs = {name: fuzz(name, asked.minutes) for name in asked.targets or targets.NAMES}
    for name, run in runs.items():
        say(f"{name}: {run.executions} executions in {run.seconds} s, {len(run.found)} findings")
        for path in run.found:
            say(f"  scripts/fuzz.py {name} --input {path.relative_to(ROOT)}")
        if run.broke:
            say("  it broke: see above")
    return 1 if any(run.found or run.broke for run in runs.values()) else 0


def fuzz(name: str, minutes: float) -> Run:
    """Until the time is over, or something was found."""
    corpus = targets.CORPORA / name
    corpus.mkdir(parents=True, exist_ok=True)
    before = set(targets.corpus(name))
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-", dir=_memory()) as work:
        fresh = Path(work, "fresh")
        fresh.mkdir()
        limits = [f"-max_total_time={round(60 * minutes)}", f"-timeout={PATIENCE}", f"-max_len={LONGEST}"]
        places = [f"-artifact_prefix={corpus}/found-", str(fresh), str(corpus)]
        began = time.monotonic()
        code, said = _libfuzzer(name, work, *limits, "-rss_limit_mb=2048", "-print_final_stats=1", *places)
        seconds = round(time.monotonic() - began)
        found = [path for path in targets.corpus(name) if path not in before]
        if not found:
            _keep(name, fresh, work)
    return Run(_executions(said), seconds, found, broke=code != 0 and not found)


def _keep(name: str, fresh: Path, work: str) -> None:
    """Take over the few new inputs that add most, the smallest first."""
    corpus = targets.CORPORA / name
    merged = Path(work, "merged")
    merged.mkdir()
    _libfuzzer(
        name, work, "-merge=1", f"-artifact_prefix={work}/", f"-max_len={LONGEST}", str(merged), str(corpus), str(fresh)
    )
    known = {path.read_bytes() for path in targets.corpus(name)}
    left = KEPT - sum(map(len, known))
    for path in sorted(merged.iterdir(), key=lambda path: path.stat().st_size):
        data = path.read_bytes()
        if data not in known and 0 < len(data) <= left:
            left -= len(data)
            (corpus / path.name[:12]).write_bytes(data)


def _libfuzzer(name: str, work: str, *flags: str) -> tuple[int, str]:
    """Its exit code, and what it said, which is also shown."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{TESTS}", "TMPDIR": work}
    command = [sys.executable, "-m", "fuzz.under_atheris", name, *flags]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as run:
        assert run.stderr is not None
        lines = []
        for line in run.stderr:
            sys.stderr.write(line)
            lines.append(line)
    return run.returncode, "".join(lines)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _executions(said: str) -> int:
    found = re.findall(r"number_of_executed_units: (\d+)", said)
    return int(found[-1]) if found else 0


def _memory() -> str | None:
    """Files that live for a moment need no disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


if __name__ == "__main__":
    sys.exit(main())
