"""Rollback: an earlier release serves again, at once if its slot is still warm, else through a fresh start.

Once it serves, nothing turns back to the release in doubt: what fails then is told, or needs a person.
"""

from __future__ import annotations

import msgspec

from comporta.model.release import Release
from comporta.model.schema import Undoing
from comporta.model.snapshot import Snapshot
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot
from comporta.steps.back_up_database import BackUpDatabase
from comporta.steps.downgrade_database import DowngradeDatabase
from comporta.steps.hold_slot import HoldSlot
from comporta.steps.plan import AnyStep, Plan
from comporta.steps.restore_database import RestoreDatabase
from comporta.steps.set_maintenance import SetMaintenance
from comporta.strategies import parts

WARM_TIMEOUT = 10.0
"""Seconds a warm slot gets to show that it lives: it has been up all the time."""
ADVICE_WITHIN = 30.0
"""Seconds to wait for checks that only tell."""


def plan(
    spec: EnvironmentSpec, snapshot: Snapshot, release: Release, *, emergency: bool = False, page: str | None = None
) -> Plan:
    """The steps that bring an earlier release back live.

    No smoke test and no watch: the release served before, and the one it replaces is the one in doubt.

    Args:
        emergency: ask only whether the release lives, and do not look at the service afterwards.
        page: HTML that users get until it serves, because nothing else can; None: something can.
    """
    slot = parts.free_slot(snapshot)
    before = [
        *_page_and_router(spec, snapshot, release, _up(snapshot, page, emergency=emergency)),
        *_downgraded(snapshot, release),
        *_bring_up(spec, snapshot, release, slot, emergency=emergency),
        parts.shift(spec, snapshot, release, slot),
    ]
    after: list[AnyStep] = [] if page is None else [SetMaintenance(page=None)]
    if not emergency:
        after.append(_advice(spec))
    after += parts.retire(spec, snapshot, release)
    return Plan(
        strategy="rollback",
        environment=spec.environment,
        release=release.ref,
        replaces=snapshot.routing.traffic.release_in(slot.other) if snapshot.live else None,
        slot=slot,
        steps=(*before, *after),
        no_way_back=len(before),
    )


def is_warm(snapshot: Snapshot, release: Release) -> bool:
    """The free slot still runs this very release, and not only because it failed and is kept for a look."""
    state = snapshot.slot(parts.free_slot(snapshot))
    found = state.occupant
    wanted = (release.ref, release.artifact)
    return state.running and found is not None and not found.failed and (found.release, found.artifact) == wanted


def _up(snapshot: Snapshot, page: str | None, *, emergency: bool) -> list[SetMaintenance]:
    """The page. In an emergency it is there because nothing serves, else because the database is taken back."""
    return [] if page is None else [SetMaintenance(page=page, served=not emergency and snapshot.live is not None)]


def _page_and_router(
    spec: EnvironmentSpec, snapshot: Snapshot, release: Release, shown: list[SetMaintenance]
) -> list[AnyStep]:
    """The page first, if there is a router to show it: bringing that in order may take a while."""
    router = [] if _reaches(snapshot, release) else [parts.router_in_order(spec, snapshot)]
    return [*shown, *router] if snapshot.routing.running else [*router, *shown]


def _reaches(snapshot: Snapshot, release: Release) -> bool:
    """The router can send requests to the warm release as it is: what else changed in the config can wait."""
    return snapshot.routing.running and is_warm(snapshot, release)


def _downgraded(snapshot: Snapshot, release: Release) -> list[AnyStep]:
    """The database as the release can live with it, a backup first; nothing where it is so: the normal case."""
    undoing = snapshot.schema.undoing if snapshot.schema else None
    if undoing is None:
        return []
    purpose = f"before going back to {release.artifact.version}"
    return [BackUpDatabase(purpose=purpose), _way_back(undoing, purpose)]


def _way_back(undoing: Undoing, purpose: str) -> AnyStep:
    undone = tuple(migration.revision for migration in undoing.migrations)
    names = tuple(migration.name for migration in undoing.migrations)
    if undoing.backup:
        return RestoreDatabase(
            artifact=undoing.artifact, undone=undone, names=names, backup=undoing.backup, purpose=purpose
        )
    return DowngradeDatabase(
        artifact=undoing.artifact, to=undoing.to, back_to=undone[0], undone=undone, names=names, purpose=purpose
    )


def _bring_up(
    spec: EnvironmentSpec, snapshot: Snapshot, release: Release, slot: Slot, *, emergency: bool
) -> list[AnyStep]:
    occupant = snapshot.slot(slot).occupant
    if occupant is not None and is_warm(snapshot, release):
        hold = HoldSlot(slot=slot, warm_until=occupant.warm_until)
        return [hold, parts.liveness(spec, slot, occupant.instances, timeout=WARM_TIMEOUT)]
    start = parts.start(spec, snapshot, release, slot)
    if emergency:
        return [start, parts.liveness(spec, slot, spec.instances, timeout=spec.health.timeout)]
    return [start, parts.health(spec, slot, spec.instances)]


def _advice(spec: EnvironmentSpec) -> AnyStep:
    """Whether the service is well. What is shared may be down: going back to a bad release would not mend that."""
    final = parts.final_check(spec)
    return msgspec.structs.replace(final, timeout=min(ADVICE_WITHIN, final.timeout), advisory=True)
