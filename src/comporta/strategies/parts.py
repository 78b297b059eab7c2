"""The stretches of a plan that several strategies share."""

from __future__ import annotations

from comporta.model.checks import HttpCheck
from comporta.model.release import Occupant, Release
from comporta.model.snapshot import Snapshot
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot, Topology
from comporta.steps.back_up_database import BackUpDatabase
from comporta.steps.check_health import CheckHealth
from comporta.steps.check_service import CheckService
from comporta.steps.configure_router import ConfigureRouter
from comporta.steps.drain_slot import DrainSlot
from comporta.steps.keep_warm import KeepWarm
from comporta.steps.migrate_database import MigrateDatabase
from comporta.steps.plan import AnyStep
from comporta.steps.prove_live import ProveLive
from comporta.steps.shift_traffic import ShiftTraffic
from comporta.steps.start_instances import StartInstances
from comporta.steps.stop_instances import StopInstances
from comporta.steps.witness import Witness

QUICKLY = 0.2
"""Seconds until a question that users wait for is asked again."""


def free_slot(snapshot: Snapshot) -> Slot:
    """The slot without traffic; blue when nothing serves yet."""
    live = snapshot.routing.traffic.live
    return live.other if live else Slot.BLUE


def slot_before(snapshot: Snapshot) -> Slot | None:
    """The slot of what serves before the plan; None where nothing runs there."""
    return snapshot.live.slot if snapshot.live and snapshot.live.running else None


def router_in_order(spec: EnvironmentSpec, snapshot: Snapshot) -> ConfigureRouter:
    """The router knows the ports of both slots, whichever of them is up."""
    return ConfigureRouter(to=topology(spec, snapshot), back_to=snapshot.routing.topology)


def topology(spec: EnvironmentSpec, snapshot: Snapshot) -> Topology:
    """Both slots with as many instances as the config asks for, or as the live slot has if those are more."""
    live, count = snapshot.live, spec.instances
    if live and live.occupant:
        count = max(count, live.occupant.instances)
    return Topology(
        listen=spec.listen,
        server_name=spec.domain,
        blue=spec.addresses(Slot.BLUE, min(count, len(spec.blue))),
        green=spec.addresses(Slot.GREEN, min(count, len(spec.green))),
        stages=spec.splits,
    )


def start(
    spec: EnvironmentSpec, snapshot: Snapshot, release: Release, slot: Slot, instances: int | None = None
) -> StartInstances:
    """The release's instances in the slot (all of them, by default), in place of what is kept warm there."""
    found = snapshot.slot(slot)
    warm = found.occupant is not None and found.occupant.warm_until is not None and not found.occupant.failed
    return StartInstances(
        slot=slot,
        to=Occupant(release=release.ref, artifact=release.artifact, instances=instances or spec.instances),
        found=found.occupant,
        restore=found.running and warm,
        drain_bound=spec.blue_green.drain,
        # As long as requests may be in flight at least: keeping a slot does not wait for them.
        keep_for=max(spec.keep_failed, spec.blue_green.drain) if spec.keep_failed else 0.0,
    )


def migrated(spec: EnvironmentSpec, snapshot: Snapshot, release: Release, *, backup: bool = True) -> list[AnyStep]:
    """The database as the release needs it, proven to suit the one that serves; nothing where it is so already.

    Args:
        backup: make one first, unless there is nothing to lose yet.
    """
    schema = snapshot.schema
    if schema is None or not schema.expand:
        return []
    migrate = MigrateDatabase(
        artifact=release.artifact,
        to=schema.expand[-1].revision,
        back_to=schema.revision,
        names=tuple(migration.name for migration in schema.expand),
        witness=witness(spec, snapshot),
    )
    if not backup or schema.revision is None:
        return [migrate]
    return [BackUpDatabase(purpose=f"before migrating it to {migrate.to}"), migrate]


def witness(spec: EnvironmentSpec, snapshot: Snapshot) -> Witness | None:
    """What serves, if it is up: it says whether it lives with a migration."""
    live = snapshot.live
    if live is None or live.occupant is None or not live.running:
        return None
    return Witness(
        release=live.occupant.release,
        slot=live.slot,
        instances=live.occupant.instances,
        checks=spec.health.checks,
        smoke=spec.smoke,
        host=spec.domain,
        timeout=spec.health.timeout,
        interval=spec.health.interval,
    )


def health(spec: EnvironmentSpec, slot: Slot, instances: int) -> CheckHealth:
    return CheckHealth(
        slot=slot,
        instances=instances,
        checks=spec.health.checks,
        host=spec.domain,
        timeout=spec.health.timeout,
        interval=spec.health.interval,
    )


def liveness(spec: EnvironmentSpec, slot: Slot, instances: int, *, timeout: float) -> CheckHealth:
    """Whether the instances live, whatever else is down."""
    return CheckHealth(
        slot=slot,
        instances=instances,
        checks=spec.health.liveness,
        host=spec.domain,
        timeout=min(timeout, spec.health.timeout),
        interval=min(QUICKLY, spec.health.interval),
    )


def shift(spec: EnvironmentSpec, snapshot: Snapshot, release: Release, slot: Slot) -> ShiftTraffic:
    """All traffic to the slot, and the way back to exactly what the router does now."""
    before = snapshot.routing.traffic
    return ShiftTraffic(to=before.with_all_to(slot, release.ref), back_to=before, proof_path=proof_path(spec))


def proof_path(spec: EnvironmentSpec) -> str:
    """What to ask the router in order to see which release answers."""
    return next((check.path for check in spec.health.checks if isinstance(check, HttpCheck)), "/")


def final_check(spec: EnvironmentSpec) -> CheckService:
    return CheckService(
        checks=spec.health.checks,
        host=spec.domain,
        timeout=spec.blue_green.final_timeout,
        interval=spec.health.interval,
    )


def retire(spec: EnvironmentSpec, snapshot: Snapshot, release: Release, *, keep: float | None = None) -> list[AnyStep]:
    """Drain what served before, keep it warm or stop it, and see that the new release is the one that serves.

    Args:
        keep: seconds to keep it warm, if it runs; None: as the config says.
    """
    prove = ProveLive(release=release.ref, path=proof_path(spec))
    live = snapshot.live
    if live is None:
        return [prove]
    keep = spec.blue_green.keep_warm if keep is None else keep
    last = KeepWarm(slot=live.slot, seconds=keep) if keep > 0 and live.running else StopInstances(slot=live.slot)
    return [DrainSlot(slot=live.slot, bound=spec.blue_green.drain), last, prove]
