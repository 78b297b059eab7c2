"""Rollback: an earlier release serves again, at once if its slot is still warm, else through a fresh start."""

from __future__ import annotations

from comporta.model.release import Release
from comporta.model.snapshot import Snapshot
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot
from comporta.steps.check_health import CheckHealth
from comporta.steps.hold_slot import HoldSlot
from comporta.steps.plan import AnyStep, Plan
from comporta.strategies import parts

WARM_TIMEOUT = 10.0
"""Seconds a warm slot gets to show that it is healthy: it has been up all the time."""


def plan(spec: EnvironmentSpec, snapshot: Snapshot, release: Release) -> Plan:
    """The steps that bring an earlier release back live.

    No smoke test and no watch: the release served before, and the one it replaces is the one in doubt.
    """
    slot = parts.free_slot(snapshot)
    replaced = snapshot.routing.traffic.release_in(slot.other) if snapshot.live else None
    steps: list[AnyStep] = [
        parts.router_in_order(spec, snapshot),
        *(_hold(spec, snapshot, slot) if is_warm(snapshot, release) else _start(spec, snapshot, release, slot)),
        parts.shift(spec, snapshot, release, slot),
        parts.final_check(spec),
        *parts.retire(spec, snapshot, release),
    ]
    return Plan(
        strategy="rollback",
        environment=spec.environment,
        release=release.ref,
        replaces=replaced,
        slot=slot,
        steps=tuple(steps),
    )


def is_warm(snapshot: Snapshot, release: Release) -> bool:
    """The free slot still runs this very release, and not only because it failed and is kept for a look."""
    state = snapshot.slot(parts.free_slot(snapshot))
    occupant = state.occupant
    return (
        state.running
        and occupant is not None
        and not occupant.failed
        and (occupant.release, occupant.artifact)
        == (
            release.ref,
            release.artifact,
        )
    )


def _hold(spec: EnvironmentSpec, snapshot: Snapshot, slot: Slot) -> list[AnyStep]:
    occupant = snapshot.slot(slot).occupant
    assert occupant is not None, "a warm slot has an occupant"
    return [
        HoldSlot(slot=slot, warm_until=occupant.warm_until),
        CheckHealth(
            slot=slot,
            instances=occupant.instances,
            checks=spec.health.checks,
            host=spec.domain,
            timeout=min(WARM_TIMEOUT, spec.health.timeout),
            interval=min(0.2, spec.health.interval),
        ),
    ]


def _start(spec: EnvironmentSpec, snapshot: Snapshot, release: Release, slot: Slot) -> list[AnyStep]:
    return [parts.start(spec, snapshot, release, slot), parts.health(spec, slot, spec.instances)]
