"""Blue-green: bring the release up beside the live one, prove it, switch all traffic at once, keep the way back."""

from __future__ import annotations

from comporta.model.release import Release
from comporta.model.snapshot import Snapshot
from comporta.model.spec import EnvironmentSpec
from comporta.steps.confirm import Confirm
from comporta.steps.plan import AnyStep, Plan
from comporta.steps.smoke_test import SmokeTest
from comporta.steps.watch_traffic import WatchTraffic
from comporta.strategies import parts, validation


def plan(spec: EnvironmentSpec, snapshot: Snapshot, release: Release) -> Plan:
    """The steps of a blue-green deployment of `release`."""
    slot = parts.free_slot(snapshot)
    replaced = snapshot.routing.traffic.release_in(slot.other) if snapshot.live else None
    instead_of = f" instead of {replaced.version}" if replaced else ""
    steps: list[AnyStep] = [
        parts.router_in_order(spec, snapshot),
        *parts.migrated(spec, snapshot, release),
        parts.start(spec, snapshot, release, slot),
        parts.health(spec, slot, spec.instances),
    ]
    if spec.smoke:
        steps.append(SmokeTest(slot=slot, commands=spec.smoke, host=spec.domain))
    steps += [
        *validation.before_users(spec, slot, spec.instances),
        Confirm(question=f"Switch {spec.environment} to {release.artifact.version}{instead_of}?"),
        parts.shift(spec, snapshot, release, slot),
        WatchTraffic(
            slot=slot,
            release=release.number,
            instances=spec.instances,
            seconds=spec.blue_green.stabilize,
            max_error_rate=spec.blue_green.max_error_rate,
        ),
        parts.final_check(spec),
        *validation.after_promotion(spec, slot, spec.instances, against=parts.slot_before(snapshot)),
        *parts.retire(spec, snapshot, release),
    ]
    return Plan(
        strategy="blue-green",
        environment=spec.environment,
        release=release.ref,
        replaces=replaced,
        slot=slot,
        steps=tuple(steps),
    )
