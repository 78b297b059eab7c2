"""The acts: deploy under load, a release that never gets healthy, and the ways back."""

from __future__ import annotations

import asyncio
import runpy
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from comporta.demo import traffic
from comporta.demo.containers import containers
from comporta.demo.stage import Command, Stage, example_folder, processes, require_parts
from comporta.load import LoadGenerator, Report, Sample
from comporta.model.errors import ComportaError

GOOD, BETTER, SICK, BEST, FAULTY = "1.0.0", "1.1.0", "1.1.1-broken", "1.2.0", "1.2.0-errors"
CANARY = ("--strategy", "canary", "--yes")
BREATH = 5.0
"""Seconds of plain traffic between two acts, to compare with."""
ENOUGH_REQUESTS = 5_000
SERVER_ERROR = 500
LAST_ANSWERS = 15.0


@dataclass(frozen=True)
class Act:
    """A command, the exit code it should have, and the version that serves afterwards."""

    title: str
    words: tuple[str, ...]
    expected: int
    serves: str


ACTS = (
    Act(f"{GOOD} → {BETTER}, blue-green", ("deploy", BETTER, "--yes"), 0, BETTER),
    Act(f"{BETTER} → {GOOD}, rollback (warm)", ("rollback", "--yes", "--reason", "go back"), 0, GOOD),
    Act(f"{SICK} never gets healthy: refused", ("deploy", SICK, "--yes", "--reason", "try a bad one"), 1, GOOD),
    Act(f"{GOOD} → {BEST}, canary with proof", ("deploy", BEST, *CANARY), 0, BEST),
    Act(f"{FAULTY} as canary: aborts itself", ("deploy", FAULTY, *CANARY), 1, BEST),
)


@dataclass(frozen=True)
class Performed:
    """An act as it went. `switches`: how long the router took for each, in seconds, as the journal has it."""

    act: Act
    command: Command
    before: str
    switches: tuple[float, ...]


@dataclass(frozen=True)
class Shown:
    """The whole demonstration: what was done, and what the users saw of it."""

    acts: tuple[Performed, ...]
    report: Report
    began: float
    ended: float

    @property
    def switches(self) -> int:
        return sum(len(performed.switches) for performed in self.acts)

    @property
    def lost(self) -> int:
        """Requests that nobody answered."""
        return len([sample for sample in self.report.failed if is_lost(sample)])


def is_lost(sample: Sample) -> bool:
    """A failed request that the service did not answer itself. What a faulty release answers (500) is not lost."""
    return sample.error is not None and sample.status != SERVER_ERROR


def show(say: Callable[[str], None], *, router: str, keep: bool, docker: bool = False) -> Shown:
    """Play the demonstration.

    Args:
        router: the driver that switches the traffic; with `docker`, also `nginx-container`.
        docker: with containers and real servers beside them; it cannot be kept then.
        keep: leave the service, and its folder, as they are at the end.

    Raises:
        MissingTool: something that the example service needs is not installed.
        ComportaError: a command did not end as it should.
    """
    example = example_folder()
    if not docker:
        require_parts()
    with ExitStack() as stack:
        if keep:
            folder = Path(tempfile.mkdtemp(prefix="comporta-demo-"))
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="comporta-demo-")))
        setting = stack.enter_context(containers(folder, example, router)) if docker else processes(folder, router)
        return asyncio.run(_play(Stage(folder, example, setting), example, say, keep=keep))


async def _play(stage: Stage, example: Path, say: Callable[[str], None], *, keep: bool) -> Shown:
    finished = False
    try:
        for version in (GOOD, BETTER, SICK, BEST, FAULTY):
            stage.make_release(version)
        say(f"# {GOOD} for the first time")
        _require(await stage.run("deploy", GOOD, "--yes"), 0)
        load = traffic.users(stage.url, _sample(example))
        async with load:
            say(f"# users arrive at {stage.url}: {traffic.RATE:.0f} requests a second, GET and POST")
            shown = await _perform_all(stage, load, say)
        finished = True
        return shown
    finally:
        if keep and finished:
            say(f"# left running at {stage.url}; its folder is {stage.folder}")
        else:
            await stage.run("down", "--yes")


async def _perform_all(stage: Stage, load: LoadGenerator, say: Callable[[str], None]) -> Shown:
    began = time.monotonic()
    serves = GOOD
    performed = []
    await asyncio.sleep(BREATH)
    for act in ACTS:
        say(f"# {act.title}\n$ comporta {' '.join(act.words)}")
        command = _require(await stage.run(*act.words), act.expected)
        performed.append(Performed(act, command, serves, _switches(stage)))
        serves = act.serves
        await asyncio.sleep(BREATH)
    missing = ENOUGH_REQUESTS - len(load.so_far().samples)
    await asyncio.sleep(max(0.0, missing / traffic.RATE + 1))
    ended = time.monotonic()
    return Shown(tuple(performed), await load.stop(LAST_ANSWERS), began, ended)


def _require(command: Command, expected: int) -> Command:
    if command.exit_code != expected:
        raise ComportaError(
            f"cannot go on with the demo: `comporta {' '.join(command.words)}` exited with {command.exit_code}, "
            f"not {expected}",
            next="its own message above says why",
        )
    return command


def _switches(stage: Stage) -> tuple[float, ...]:
    """How long each switch of the newest deployment took, there and back."""
    newest = stage.ask("history", "-n", "1")[0]
    records = stage.ask("show", str(newest["deployment"]))["records"]
    kinds = ("done", "undone")
    return tuple(r["data"]["switch_seconds"] for r in records if r["kind"] in kinds and "switch_seconds" in r["data"])


def _sample(example: Path) -> bytes:
    """A project file, as the example service makes them for its own tests."""
    made: bytes = runpy.run_path(str(example / "conversormpp" / "samples.py"))["mspdi"](tasks=20)
    return made
