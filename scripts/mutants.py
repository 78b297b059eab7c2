"""Makes small mistakes in the code, one at a time, and looks whether the tests notice (docs/mutation.md).

Run: python scripts/mutants.py                              # engine, analysis and strategies
     python scripts/mutants.py analysis                     # one room
     python scripts/mutants.py src/comporta/engine/machine.py

Survivors are printed, but for those that docs/survivors.md names with a reason. The exit code is 1 if a room's score is
under 90 %, or if there are survivors without a reason.

How: a process imports and collects all tests once. For each mutant it forks; the child gives the functions of the file
the code that the mutant has, and runs the tests that execute its lines. A mutant of what runs on import (a constant, a
default) is planted into a process that has imported nothing of ours yet.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.machinery
import importlib.util
import json
import os
import re
import resource
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, TypeVar

import click
import pytest
from hypothesis import Phase, settings

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "src"), str(ROOT / "tests")]

from mutations import Mutant, mutants_of  # noqa: E402

SOURCES = ROOT / "src/comporta"
ROOMS = ("engine", "analysis", "strategies")
TESTS = ROOT / "tests/unit"
SURVIVORS = ROOT / "docs/survivors.md"
WANTED = 0.9
TESTS_FOR = 4.0
"""Seconds of processor time that the tests of one mutant may take together."""
LONGEST = 5
"""Seconds after which a test is left out: for many mutants it would take too long."""
PATIENCE = 10
"""Seconds of processor time after which a mutant counts as found: it made something endless."""
MEMORY = 4 << 30
"""Bytes that a mutant's process may have."""
TELL_EVERY = 15.0
"""Seconds between two lines about how far it is."""
PYTEST = [
    "-n0",
    "-q",
    "-s",
    "--disable-warnings",
    "-p",
    "no:cacheprovider",
    "--timeout=0",
    "-m",
    "not slow",
    "--hypothesis-seed=0",
]


@dataclass
class Baseline:
    """What the tests do without a mutant.

    Attributes:
        lines: which tests execute a line, by "file:line"; the test "" is the import of everything.
        seconds: how long a test takes, by its node id.
    """

    lines: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    seconds: dict[str, float] = field(default_factory=dict)

    @cached_property
    def breadth(self) -> Counter[str]:
        """How many lines a test executes."""
        return Counter(test for tests in self.lines.values() for test in tests)

    def on_import(self, mutant: Mutant) -> bool:
        return mutant.place.on_import or "" in self._executing(mutant)

    def tests_of(self, mutant: Mutant) -> list[str]:
        """The tests that execute the mutant: first those that are fast, and about little else.

        What is executed on import concerns every test of the files that import it, too.
        """
        found = self._executing(mutant)
        if self.on_import(mutant):
            files = _test_files([mutant.file])
            found |= {test for test in self.seconds if str(ROOT / test.partition("::")[0]) in files}
        chosen, left = list[str](), TESTS_FOR
        for test in sorted(found - {""}, key=lambda test: (self.seconds[test] * (1 + self.breadth[test]), test)):
            left -= self.seconds[test]
            if left < 0 and chosen:
                break
            chosen.append(test)
        return chosen

    def _executing(self, mutant: Mutant) -> set[str]:
        return set().union(*(self.lines.get(f"{mutant.file}:{line}", set()) for line in mutant.place.lines))


class Observing:
    """Notes which lines of some files are executed within it."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = {str(ROOT / file): file for file in files}
        self._unseen: dict[CodeType, set[int]] = {}

    def __enter__(self) -> Observing:
        sys.settrace(self._on_call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _on_call(self, frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        code = frame.f_code
        if code.co_filename not in self._files:
            return None
        if code not in self._unseen:
            self._unseen[code] = _lines_of(code)
        return self._on_line if self._unseen[code] else None

    def _on_line(self, frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        self._unseen[frame.f_code].discard(frame.f_lineno)
        return self._on_line

    def seen(self) -> list[str]:
        return sorted(
            {
                f"{self._files[code.co_filename]}:{line}"
                for code, unseen in self._unseen.items()
                for line in _lines_of(code) - unseen
            }
        )


def _lines_of(code: CodeType) -> set[int]:
    return {line for _, _, line in code.co_lines() if line}


class Hurried:
    """A plugin of pytest: that a test fails is enough, the smallest example is not looked for."""

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self) -> None:
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutants", settings(), phases=phases, database=None, derandomize=True)
        settings.load_profile("mutants")


class Nursery(Hurried):
    """A plugin of pytest that, instead of running the tests, observes them and then tries mutants with them."""

    def __init__(self, mutants: list[Mutant], jobs: int, folder: Path) -> None:
        self._mutants, self._jobs, self._folder = mutants, jobs, folder
        self._files = sorted({mutant.file for mutant in mutants})
        self._imported = Observing(self._files)
        self.baseline = Baseline()
        self.survivors: list[Mutant] = []

    def pytest_collection(self) -> None:
        self._imported.__enter__()

    def pytest_collection_finish(self) -> None:
        self._imported.__exit__()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        for line in self._imported.seen():
            self.baseline.lines[line].add("")
        self._observe(session)
        items = {item.nodeid: item for item in session.items}
        trials = [
            (mutant, self._trial(session, mutant, [items[test] for test in self.baseline.tests_of(mutant)]))
            for mutant in self._mutants
            if not self.baseline.on_import(mutant)
        ]
        self.survivors = _survivors(trials, self._jobs)
        return True

    def _observe(self, session: pytest.Session) -> None:
        trials = [(item, self._observation(session, item)) for item in session.items]
        for item, status in _each(trials, self._jobs):
            if os.WIFSIGNALED(status):
                continue  # it takes too long
            if status:
                raise pytest.UsageError(f"without a mutant, {item.nodeid} fails")
            seconds, lines = json.loads(self._answer(item).read_text())
            self.baseline.seconds[item.nodeid] = seconds
            for line in lines:
                self.baseline.lines[line].add(item.nodeid)
        click.echo(f"{len(self.baseline.seconds)} tests of {len(session.items)} can be used")

    def _observation(self, session: pytest.Session, item: pytest.Item) -> Callable[[], bool]:
        def passes() -> bool:
            resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST))
            began = time.process_time()
            with Observing(self._files) as lines:
                passed = _pass(session, [item])
            self._answer(item).write_text(json.dumps((time.process_time() - began, lines.seen())))
            return passed

        return passes

    def _answer(self, item: pytest.Item) -> Path:
        return self._folder / sha256(item.nodeid.encode()).hexdigest()

    def _trial(self, session: pytest.Session, mutant: Mutant, items: list[pytest.Item]) -> Callable[[], bool]:
        def survives() -> bool:
            _bound()
            _transplant(mutant)
            return _pass(session, items)

        return survives


def _pass(session: pytest.Session, items: list[pytest.Item]) -> bool:
    for item, following in pairwise([*items, None]):
        assert item is not None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return False
    return True


def _transplant(mutant: Mutant) -> None:
    """Give the functions of the file, wherever they are held, the code that they have in the mutant."""
    path = str(ROOT / mutant.file)
    codes = {(code.co_qualname, code.co_firstlineno): code for code in _codes(compile(mutant.source, path, "exec"))}
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename == path:
            old = thing.__code__
            thing.__code__ = codes.get((old.co_qualname, old.co_firstlineno), old)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


class Chosen(Hurried):
    """A plugin of pytest that leaves only these tests, in this order."""

    def __init__(self, tests: list[str]) -> None:
        self._order = {test: place for place, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = (item for item in items if item.nodeid in self._order)
        items[:] = sorted(chosen, key=lambda item: self._order[item.nodeid])


class Planted(importlib.machinery.SourceFileLoader):
    """Imports one module with a mutant in it, wherever it is imported."""

    def __init__(self, mutant: Mutant) -> None:
        name = ".".join(Path(mutant.file).relative_to("src").with_suffix("").parts)
        super().__init__(name, str(ROOT / mutant.file))
        self._mutant = mutant

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._mutant.source, self.path, "exec")


def _afresh(mutant: Mutant, tests: list[str]) -> Callable[[], bool]:
    """Whether a mutant of what is executed on import survives these tests."""

    def survives() -> bool:
        _bound()
        sys.meta_path.insert(0, Planted(mutant))
        files = sorted({test.partition("::")[0] for test in tests})
        return not tests or pytest.main([*PYTEST, "-x", *files], plugins=[Chosen(tests)]) == pytest.ExitCode.OK

    return survives


def _bound() -> None:
    """This process may not take more than a mutant's share."""
    resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.alarm(12 * PATIENCE)  # for one that waits for ever


def main() -> None:
    command()


@click.command(help=__doc__)
@click.argument("what", nargs=-1)
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, help="How many mutants are tried at once.")
def command(what: tuple[str, ...], jobs: int) -> None:
    os.chdir(ROOT)
    files = [file for name in what or ROOMS for file in _files_of(name)]
    mutants = [mutant for file in files for mutant in mutants_of(file, (ROOT / file).read_text())]
    sys.exit(_told(mutants, _tried(mutants, jobs)))


def _files_of(name: str) -> list[str]:
    room = SOURCES / name
    paths = sorted(room.glob("*.py")) if room.is_dir() else [Path(name).resolve()]
    if not all(path.is_file() for path in paths):
        raise click.UsageError(f"there is no room and no file {name}")
    return [str(path.relative_to(ROOT)) for path in paths]


def _tried(mutants: list[Mutant], jobs: int) -> list[Mutant]:
    """Those that survive."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer")
        process = _forked(lambda: _nursed(mutants, jobs, answer), quiet=False)
        if os.waitpid(process, 0)[1]:
            raise click.ClickException("the tests cannot be run")
        keys, lines, seconds, modules = json.loads(answer.read_text())
    for module in modules:  # what is not ours is imported once, and not again for each mutant
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    baseline = Baseline({line: set(tests) for line, tests in lines.items()}, seconds)
    late = [(m, _afresh(m, baseline.tests_of(m))) for m in mutants if baseline.on_import(m)]
    return [mutants[index] for index in keys] + _survivors(late, jobs)


def _nursed(mutants: list[Mutant], jobs: int, answer: Path) -> bool:
    nursery = Nursery(mutants, jobs, answer.parent)
    code = pytest.main([*PYTEST, *_test_files({mutant.file for mutant in mutants})], plugins=[nursery])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return False
    origins = {name: str(getattr(module, "__file__", "")) for name, module in sys.modules.items()}
    others = sorted(name for name, origin in origins.items() if not origin.startswith(f"{ROOT}/"))
    lines = {line: sorted(tests) for line, tests in nursery.baseline.lines.items()}
    survivors = [mutants.index(mutant) for mutant in nursery.survivors]
    answer.write_text(json.dumps([survivors, lines, nursery.baseline.seconds, others]))
    return True


def _test_files(files: Iterable[str]) -> list[str]:
    """The unit tests that import from one of these files."""
    modules = [f"{Path(file).parent.name}( import .*|[.]){Path(file).stem}\\b" for file in files]
    named = re.compile(f"^from comporta[.]({'|'.join(modules)})", re.MULTILINE)
    return [str(file) for file in sorted(TESTS.glob("test_*.py")) if named.search(file.read_text())]


Asked = TypeVar("Asked")


def _survivors(trials: list[tuple[Mutant, Callable[[], bool]]], jobs: int) -> list[Mutant]:
    explained, survivors = _explained(), list[Mutant]()
    began = told = time.monotonic()
    for tried, (mutant, status) in enumerate(_each(trials, jobs), start=1):
        if status == 0:
            survivors.append(mutant)
            if mutant.key not in explained:
                click.echo(f"{mutant.file}:{mutant.line} survived:\n    {mutant.key}")
        if time.monotonic() > told + TELL_EVERY or tried == len(trials):
            told = time.monotonic()
            click.echo(f"{tried} of {len(trials)} tried, {len(survivors)} survived, {told - began:.0f} s")
    return survivors


def _each(acts: list[tuple[Asked, Callable[[], bool]]], jobs: int) -> Iterator[tuple[Asked, int]]:
    """Do each of these in a process of its own, `jobs` at once; its status (0 if it came out true), as they end."""
    running: dict[int, Asked] = {}
    for name, act in acts:
        running[_forked(act)] = name
        if len(running) == jobs:
            yield _ended(running)
    while running:
        yield _ended(running)


def _ended(running: dict[int, Asked]) -> tuple[Asked, int]:
    process, status = os.wait()
    return running.pop(process), status


def _forked(act: Callable[[], bool], *, quiet: bool = True) -> int:
    """The id of a process that does this, and ends with 0 if that comes out true."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        if quiet:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nowhere, stream)
        code = 0 if act() else 1
    finally:
        sys.stdout.flush()
        os._exit(code)


def _told(mutants: list[Mutant], survivors: list[Mutant]) -> int:
    """Print scores, and what the list of survivors lacks; the exit code."""
    explained = _explained()
    new = [mutant for mutant in survivors if mutant.key not in explained]
    scores = _scores(mutants, survivors, lambda mutant: mutant.file.removeprefix("src/comporta/"))
    rooms = _scores(mutants, survivors, lambda mutant: Path(mutant.file).parent.name)
    for name, score in {**scores, **rooms}.items():
        click.echo(f"{name:<32} {score}")
    tried = {mutant.key for mutant in mutants}
    for key in sorted((explained & tried) - {mutant.key for mutant in survivors}):
        click.echo(f"killed, though {SURVIVORS.name} names it:\n    {key}")
    click.echo(f"{len(survivors)} survived, {len(new)} of them without a reason in {SURVIVORS.relative_to(ROOT)}")
    return 1 if new or any(score.share < WANTED for score in rooms.values()) else 0


@dataclass(frozen=True)
class Score:
    mutants: int
    survived: int

    @property
    def share(self) -> float:
        return 1 - self.survived / self.mutants

    def __str__(self) -> str:
        return f"{self.mutants:5} mutants {self.survived:4} survived {100 * self.share:6.1f} %"


def _scores(mutants: list[Mutant], survivors: list[Mutant], name: Callable[[Mutant], str]) -> dict[str, Score]:
    made, survived = defaultdict[str, int](int), defaultdict[str, int](int)
    for mutant in mutants:
        made[name(mutant)] += 1
    for mutant in survivors:
        survived[name(mutant)] += 1
    return {group: Score(count, survived[group]) for group, count in made.items()}


def _explained() -> set[str]:
    """The survivors whose reason is known: the indented lines."""
    lines = SURVIVORS.read_text().splitlines() if SURVIVORS.exists() else []
    return {line.strip() for line in lines if line.startswith("    ")}


if __name__ == "__main__":
    main()
