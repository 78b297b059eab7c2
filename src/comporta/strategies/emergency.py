"""Emergency: a hotfix straight in. All that is asked of it before it serves is that its instances live."""

from __future__ import annotations

from comporta.model.release import Release
from comporta.model.snapshot import Snapshot
from comporta.model.spec import EnvironmentSpec
from comporta.steps.confirm import Confirm
from comporta.steps.plan import Plan
from comporta.steps.watch_traffic import WatchTraffic
from comporta.strategies import parts

WATCHED = 2
"""How much longer the traffic is watched than after a deployment that was tested."""
LEAST_WARM = 3600.0
"""Seconds for which the way back is kept at least, whatever the config says."""


def plan(spec: EnvironmentSpec, snapshot: Snapshot, release: Release) -> Plan:
    """The steps of an emergency deployment of `release`."""
    slot = parts.free_slot(snapshot)
    return Plan(
        strategy="emergency",
        environment=spec.environment,
        release=release.ref,
        replaces=snapshot.routing.traffic.release_in(slot.other) if snapshot.live else None,
        slot=slot,
        steps=(
            # First, so that nobody waits for an answer while the users wait for the fix.
            Confirm(question=f"Switch {spec.environment} to {release.artifact.version} as soon as it lives, untested?"),
            parts.router_in_order(spec, snapshot),
            # No time for a backup: what is additive can be undone without one.
            *parts.migrated(spec, snapshot, release, backup=False),
            parts.start(spec, snapshot, release, slot),
            parts.liveness(spec, slot, spec.instances, timeout=spec.health.timeout),
            parts.shift(spec, snapshot, release, slot),
            WatchTraffic(
                slot=slot,
                release=release.number,
                instances=spec.instances,
                seconds=WATCHED * spec.blue_green.stabilize,
                max_error_rate=spec.blue_green.max_error_rate,
            ),
            *parts.retire(spec, snapshot, release, keep=max(LEAST_WARM, spec.blue_green.keep_warm)),
        ),
    )
