"""Going on with a damaged journal: what is whole of it, and what router and runtime show of what is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from comporta.app.context import Context
from comporta.app.observing import observe
from comporta.model.errors import JournalDamaged, JournalError, Refused, UsageError
from comporta.model.journal import Kind
from comporta.model.leases import held
from comporta.model.release import Occupant, Release
from comporta.model.salvage import Salvage
from comporta.model.snapshot import Snapshot
from comporta.model.traffic import Slot
from comporta.model.values import from_json, to_json

RECENT = 20
"""Releases that are looked through first."""


class Recovered(Struct, frozen=True):
    """What became of it.

    Attributes:
        aside: where the old journal is.
        serving: the release that the router sends requests to, and how many of its instances run; None: none.
        found: releases that the journal did not know any more, and what runs told.
    """

    salvage: Salvage
    aside: str
    serving: tuple[str, int] | None
    found: tuple[str, ...]


async def recover(ctx: Context) -> Recovered:
    """Set a damaged journal aside, after asking, and begin a new one with all that is as it was written.

    Releases that are lost and run still are recorded again, so that a deployment and a rollback know them.

    Raises:
        UsageError: nothing is wrong with the journal.
        LeaseHeld: somebody changes the environment.
        JournalError: another process uses the journal.
        Refused: the person said no.
    """
    salvage = await ctx.journal.salvage()
    snapshot = await observe(ctx)
    unknown = _unknown(snapshot, salvage.releases)
    if salvage.whole and not unknown:
        raise UsageError("cannot recover: nothing is wrong with the journal", next="`comporta status`")
    await _require_no_holder(ctx)
    if not await ctx.ports.operator.confirm(f"{_damage(salvage, unknown)} Set the journal aside, and go on without?"):
        raise Refused("cannot recover: not confirmed", next="say yes at the prompt, or give --yes")
    at, showed = ctx.ports.clock.now(), _showed(snapshot)
    aside = await ctx.journal.rebuild(
        salvage, at=at, environment=ctx.environment, actor=ctx.actor, data={"showed": showed}
    )
    for occupant in unknown:
        await ctx.journal.append(
            Kind.RELEASE, at=at, environment=ctx.environment, actor=ctx.actor, lease=None, data=_release(occupant, at)
        )
    return Recovered(salvage, aside, _serving(snapshot), tuple(str(occupant.release) for occupant in unknown))


async def require_known(ctx: Context, snapshot: Snapshot) -> None:
    """Nothing runs of which the journal knows nothing: else its end was cut off, and numbers would come again.

    Raises:
        JournalDamaged: something does.
    """
    unknown = _unknown(snapshot, ())
    if not unknown:
        return
    for limit in (RECENT, None):  # what runs is of late, mostly: the whole past need not be read
        records = await ctx.journal.find(environment=ctx.environment, kinds=(Kind.RELEASE,), limit=limit)
        unknown = _unknown(snapshot, [from_json(record.data, Release).number for record in records])
        if not unknown:
            return
    raise JournalDamaged(
        f"cannot go on: the end of the journal was cut off, for it does not know what runs: {_names(unknown)}",
        next="put the journal back whole, with its -wal file; or `comporta audit recover` goes on without",
    )


def _unknown(snapshot: Snapshot, known: Sequence[int]) -> list[Occupant]:
    seated = [snapshot.slot(slot).occupant for slot in Slot]
    return [occupant for occupant in seated if occupant and occupant.release.number not in known]


async def _require_no_holder(ctx: Context) -> None:
    try:
        lease = await ctx.journal.lease(ctx.environment)
    except JournalError:
        return  # the leases cannot be read either; whoever uses the file is found by that
    if lease and (lease.manual or not ctx.host.why_dead(lease.holder)):
        raise held(lease)


def _damage(salvage: Salvage, unknown: list[Occupant]) -> str:
    whole = f"{salvage.kept} records are whole"
    if salvage.lost:
        return f"{len(salvage.lost)} records of the journal are not as they were written; {whole}."
    if salvage.problem:
        return f"The journal is damaged ({salvage.problem}); {whole}."
    return f"The end of the journal was cut off, for it does not know what runs: {_names(unknown)}; {whole}."


def _names(occupants: list[Occupant]) -> str:
    return ", ".join(str(occupant.release) for occupant in occupants)


def _showed(snapshot: Snapshot) -> dict[str, Any]:
    """What router and runtime show, for the record."""
    return {
        "traffic": to_json(snapshot.routing.traffic),
        **{slot.value: to_json(snapshot.slot(slot)) for slot in Slot},
    }


def _serving(snapshot: Snapshot) -> tuple[str, int] | None:
    live = snapshot.live
    return (str(live.occupant.release), len(live.instances)) if live and live.occupant else None


def _release(occupant: Occupant, at: float) -> dict[str, Any]:
    """The release as far as it is known: of which config it was made nobody knows, so that the next one is another."""
    release = Release(number=occupant.release.number, artifact=occupant.artifact, config_digest="", created_at=at)
    data: dict[str, Any] = to_json(release)
    return data
