"""Ask every gate at once, before anything is deployed. None keeps another from being asked."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import anyio
from msgspec import Struct, structs

from comporta.app.context import Context
from comporta.app.gates import BUILT_IN, BUILT_IN_TIMEOUT, Gate, Intent
from comporta.app.presets import presets
from comporta.model.errors import ComportaError, UsageError
from comporta.model.findings import Finding
from comporta.model.preflight import GateResult, GateSpec, GateState, PreflightSpec
from comporta.model.snapshot import Snapshot
from comporta.ports.workshop import Workshop
from comporta.steps.groups import task_group
from comporta.steps.plan import Plan

CACHE_SECONDS = 24 * 3600.0
"""How long something that passed counts: an audit asks for what became known since."""
ON_ONES_OWN = "give --skip-preflight with --reason to deploy without it"


class Board(Protocol):
    """Whoever wants to see the gates while they are asked."""

    def gates_begin(self, names: Sequence[str]) -> None: ...

    def gate_ends(self, result: GateResult) -> None: ...

    def gates_end(self) -> None: ...


class PreflightFailed(ComportaError):
    """A gate did not pass. Nothing was deployed."""


class Preflight(Struct, frozen=True):
    """How the gates are asked.

    Attributes:
        skip: they are not, on somebody's word.
        cache: what passed before with the same inputs is not asked again.
    """

    workshop: Workshop
    board: Board
    diagnose: Callable[[], list[Finding]]
    skip: bool = False
    cache: bool = True


@dataclass
class _Round:
    """One round of all gates, and how far it is."""

    preflight: Preflight
    intent: Intent
    gates: Sequence[GateSpec]
    identity: str | None
    results: dict[str, GateResult]
    ended: dict[str, anyio.Event]


async def ask_all(ctx: Context, preflight: Preflight, snapshot: Snapshot, plan: Plan) -> list[GateResult]:
    """Every gate, at the same time; the results in their order.

    Raises:
        UsageError: a gate of the config has the name of one that is built in.
    """
    workshop = preflight.workshop
    gates = _commands(ctx.spec.preflight, workshop)
    names = [*BUILT_IN, *(gate.name for gate in gates)]
    intent = Intent(ctx, snapshot, plan, workshop, preflight.diagnose)
    identity = await workshop.identity() if preflight.cache and gates else None
    round_ = _Round(preflight, intent, gates, identity, {}, {name: anyio.Event() for name in names})
    preflight.board.gates_begin(names)
    try:
        async with task_group() as group:
            for name, gate in BUILT_IN.items():
                group.start_soon(_ask_built_in, round_, name, gate)
            for command in gates:
                group.start_soon(_ask_command, round_, command)
    finally:
        preflight.board.gates_end()
    return [round_.results[name] for name in names]


def _commands(spec: PreflightSpec, workshop: Workshop) -> list[GateSpec]:
    """The gates of the config, and the usual ones whose names it does not use."""
    named = {gate.name for gate in spec.gates}
    if taken := sorted(named & BUILT_IN.keys()):
        raise UsageError(f"cannot ask a gate called {taken[0]}: comporta has one itself", next="give it another name")
    usual = presets(workshop.files()) if spec.presets else ()
    return [*spec.gates, *(gate for gate in usual if gate.name not in named)]


def require_passed(results: Sequence[GateResult]) -> None:
    """
    Raises:
        PreflightFailed: names every gate that failed.
    """
    failed = [result for result in results if result.state is GateState.FAILED]
    if not failed:
        return
    raise PreflightFailed(
        f"cannot deploy: {count(results)}; failed: {', '.join(result.name for result in failed)}",
        details=[line for result in failed for line in explained(result)],
        next=failed[0].next or f"mend it, or {ON_ONES_OWN}",
    )


def count(results: Sequence[GateResult]) -> str:
    """How many of the gates that were asked passed: "11/12 passed, 2 skipped"."""
    states = [result.state for result in results]
    skipped = states.count(GateState.SKIPPED)
    told = f"{states.count(GateState.PASSED)}/{len(states) - skipped} passed"
    return f"{told}, {skipped} skipped" if skipped else told


def explained(result: GateResult) -> list[str]:
    """A gate that failed, in lines."""
    more = [f"  all of it: {result.log}"] if result.log else []
    return [f"{result.name}: {result.text}", *(f"  {line}" for line in result.details), *more]


async def _ask_built_in(round_: _Round, name: str, gate: Gate) -> None:
    began = round_.intent.ctx.ports.clock.monotonic()
    try:
        with anyio.fail_after(BUILT_IN_TIMEOUT):
            found = await gate(round_.intent)
        state = GateState.PASSED if found.ok else GateState.FAILED
        result = GateResult(name=name, state=state, text=found.text, next="" if found.ok else found.next)
    except ComportaError as error:
        failed = GateResult(name=name, state=GateState.FAILED, text=error.message, details=error.details)
        result = structs.replace(failed, next=error.next or ON_ONES_OWN)
    except TimeoutError:
        result = GateResult(name=name, state=GateState.FAILED, text=f"no answer within {BUILT_IN_TIMEOUT:g} s")
    _end(round_, result, began)


async def _ask_command(round_: _Round, gate: GateSpec) -> None:
    clock, workshop = round_.intent.ctx.ports.clock, round_.preflight.workshop
    if gate.after in round_.ended:
        await round_.ended[gate.after].wait()
    began = clock.monotonic()
    words = tuple(_filled(word, round_.intent) for word in gate.run)
    key = _key(round_, gate, words)
    if why := _why_not(round_, gate):
        result = GateResult(name=gate.name, state=GateState.SKIPPED, text=why)
    elif key and clock.now() - (workshop.passed_at(key) or 0.0) < CACHE_SECONDS:
        text = "passed before, with the same inputs"
        result = GateResult(name=gate.name, state=GateState.PASSED, text=text, cached=True)
    else:
        result = await _run(workshop, gate, words)
        if key and result.state is GateState.PASSED:
            workshop.remember(key, clock.now())
    _end(round_, result, began)


async def _run(workshop: Workshop, gate: GateSpec, words: Sequence[str]) -> GateResult:
    ran = await workshop.run(gate.name, words, gate.timeout)
    state = GateState.PASSED if ran.ok else GateState.FAILED
    return GateResult(name=gate.name, state=state, text=ran.text, details=() if ran.ok else ran.tail, log=ran.log)


def _why_not(round_: _Round, gate: GateSpec) -> str:
    """Why a gate is not asked; empty if it is."""
    if gate.needs and not round_.preflight.workshop.has(gate.needs):
        return f"{gate.needs} is not installed"
    before = round_.results.get(gate.after)
    return f"{gate.after} {before.state}" if before and before.state is not GateState.PASSED else ""


def _key(round_: _Round, gate: GateSpec, words: Sequence[str]) -> str:
    """Names all that could change the result; empty where that cannot be named."""
    if round_.identity is None:
        return ""
    inputs = json.dumps([round_.identity, round_.intent.ctx.spec.digest, gate.name, words])
    return hashlib.sha256(inputs.encode()).hexdigest()


def _filled(word: str, intent: Intent) -> str:
    facts = {"{version}": intent.plan.release.version, "{service}": intent.ctx.spec.service, "{python}": sys.executable}
    for name, value in facts.items():
        word = word.replace(name, value)
    return word


def _end(round_: _Round, result: GateResult, began: float) -> None:
    result = structs.replace(result, seconds=round_.intent.ctx.ports.clock.monotonic() - began)
    round_.results[result.name] = result
    round_.preflight.board.gate_ends(result)
    round_.ended[result.name].set()
