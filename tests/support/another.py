"""Another comporta process that starts or stops a slot, and can be killed in the middle of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import comporta
from support.services import ProcessWorld

SCRIPT = """
import sys
from pathlib import Path
import anyio
from comporta.model.traffic import Slot
from comporta.testing.runtime_contract import started
from support.services import ProcessWorld

base, blue, green, instances = sys.argv[1:]
world = ProcessWorld(Path(base), ports=(int(blue), int(green)), stop_grace=3)
print("begins", flush=True)
anyio.run(lambda: started(world.runtime, Slot.BLUE, "1.0.0", instances=int(instances)) if int(instances) else
          world.runtime.stop(Slot.BLUE))
print("done", flush=True)
sys.stdin.read()
"""


def another_comporta(world: ProcessWorld, instances: int) -> subprocess.Popen[str]:
    """Begins to bring the blue slot to so many instances of 1.0.0; 0 stops it. It says `done` and waits then."""
    words = [str(world.base), str(world.spec.blue.first), str(world.spec.green.first), str(instances)]
    return begun(SCRIPT, words)


def begun(script: str, words: list[str]) -> subprocess.Popen[str]:
    """The script with these arguments, once it says `begins`."""
    root, tests = Path(comporta.__file__).parent.parent, Path(__file__).parent.parent
    process = subprocess.Popen(
        [sys.executable, "-c", script, *words],
        env={**os.environ, "PYTHONPATH": f"{root}:{tests}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()
