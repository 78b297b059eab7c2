"""Backups of the database: make, list, verify, restore and prune them.

A backup is made and restored without the environment's lease, so that a step of a deployment, which holds it, can do
so; `restore` below takes it, for people.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import msgspec
from msgspec import Struct

from comporta.app.backup_progress import Count, check_room, check_scratch_room, estimate
from comporta.app.context import Context
from comporta.app.leasing import held_lease
from comporta.model import backups as model
from comporta.model.backups import Backup, Description, Listing
from comporta.model.errors import BackupDamaged, BackupFailed, Refused, UsageError
from comporta.model.journal import Kind
from comporta.model.spec import BackupSpec
from comporta.ports.backups import Backing
from comporta.ports.database import Scratch

MOST_DIFFERENCES = 20
"""How many of them are told."""
NEXT_LIST = "`comporta database list` shows which there are"


class Checked(Struct, frozen=True):
    """What was looked at. `backup` is None where it is no good, and `cause` says why."""

    id: str
    backup: Backup | None
    cause: str = ""


class Restored(Struct, frozen=True):
    """What serves now. `safety` is a backup of what was there before, `old` names that itself, where it was kept."""

    backup: Backup
    safety: Backup | None
    old: str


async def make_backup(ctx: Context, reason: str, *, verify: bool | None = None) -> Backup:
    """Back up the database, verify that, and delete what need not be kept any more.

    Args:
        verify: None: as the config says.

    Raises:
        BackupFailed: there is no backup. BackupDamaged: there is one, and it is no good.
    """
    backing = opened(ctx)
    async with backing.store.alone():
        await _sweep(ctx, backing)
        backup = await _make(ctx, backing, reason)
        if _spec(ctx).verify if verify is None else verify:
            backup = await _verify_new(ctx, backing, backup)
        await _prune(ctx, backing)
    return backup


async def list_backups(ctx: Context) -> Listing:
    return await opened(ctx).store.listing()


async def latest_verified(ctx: Context) -> Backup | None:
    return model.latest_verified((await list_backups(ctx)).backups)


async def verify_backups(ctx: Context, id: str | None = None, *, every: bool = False) -> list[Checked]:
    """Restore one backup (None: the newest), or every one, into a scratch database, and compare.

    Raises:
        UsageError: there is no such backup.
        BackupFailed: there is no scratch database to be had.
    """
    backing = opened(ctx)
    async with backing.store.alone():
        await _sweep(ctx, backing)
        listing = await backing.store.listing()
        chosen = listing.backups if every else (_chosen(listing, id or _newest(listing)),)
        found = [await _check(ctx, backing, backup) for backup in chosen]
        if every:
            found += [Checked(id, None, "its manifest or its data is damaged") for id in listing.damaged]
    return found


async def restore(ctx: Context, id: str | None = None, *, safety: bool = True) -> Restored:
    """`restore_backup`, for a person: nobody deploys meanwhile."""
    async with held_lease(ctx) as held:
        held.doing = "restoring a backup of the database"
        return await restore_backup(ctx, id, safety=safety)


async def restore_backup(ctx: Context, id: str | None = None, *, safety: bool = True, ask: bool = True) -> Restored:
    """Bring the database back to a backup (None: to the newest that was verified), after asking.

    It is restored beside the real one and compared before it takes over, so that a failure changes nothing.

    Args:
        safety: back up what is there before. Without it the old database is kept under another name.
        ask: False: it was agreed to before.

    Raises:
        UsageError: there is no such backup. Refused: the person said no.
        BackupDamaged, BackupFailed: the database is as it was.
    """
    backing = opened(ctx)
    async with backing.store.alone():
        await _sweep(ctx, backing)
        listing = await backing.store.listing()
        backup = _chosen(listing, id or _newest_verified(listing))
        if backup.damage:
            raise BackupDamaged(f"cannot restore {backup.id}: {backup.damage}", next=NEXT_LIST)
        now = await _now(backing, needed=safety)
        if ask and not await ctx.ports.operator.confirm(question(ctx, backing, backup, now, safety=safety)):
            raise Refused("nothing was restored")
        saved = await _make(ctx, backing, f"before restoring {backup.id}") if safety else None
        if saved and _spec(ctx).verify:
            saved = await _verify_new(ctx, backing, saved)
        return await _replace(ctx, backing, backup, saved)


async def prune(ctx: Context, *, dry_run: bool = False) -> tuple[Backup, ...]:
    """Delete what no rule keeps, and return that. `dry_run`: delete nothing."""
    backing = opened(ctx)
    if dry_run:
        return model.surplus((await backing.store.listing()).backups, _spec(ctx).keep)
    async with backing.store.alone():
        await _sweep(ctx, backing)
        return await _prune(ctx, backing)


def opened(ctx: Context) -> Backing:
    """Raises UsageError: the config names no database."""
    if ctx.ports.backing is None:
        raise UsageError(
            f"cannot back up the database of {ctx.environment}: the config names none",
            next='add `database: {url: "${DATABASE_URL}"}` to comporta.yml',
        )
    return ctx.ports.backing()


def question(ctx: Context, backing: Backing, backup: Backup, now: Description | None, *, safety: bool) -> str:
    """What will be lost, as far as anybody can know."""
    hours = (ctx.ports.clock.now() - backup.at) / 3600
    then = backup.content.rows
    same = "each table has as many rows as then, but they may be others"
    rows = "the database does not answer now" if now is None else "; ".join(changes(then, now.rows)) or same
    after = (
        "What is there now is backed up first."
        if safety
        else "What is there now is NOT backed up: it is kept beside, under another name."
    )
    return (
        f"Replace {backing.database.identity} by the backup {backup.id}, which is {hours:.1f} h old?\n"
        f"Everything written since then is lost: {rows}. {after}\n"
        "Users' sessions with the database end, or wait. Restore"
    )


def changes(then: dict[str, int], now: dict[str, int]) -> list[str]:
    """The tables that have another number of rows now, a line each."""
    return [
        f"{table}: {now.get(table, 'no table')} rows now, {then.get(table, 'no table')} then"
        for table in sorted(then.keys() | now.keys())
        if then.get(table) != now.get(table)
    ]


async def _make(ctx: Context, backing: Backing, reason: str) -> Backup:
    database, store, at = backing.database, backing.store, ctx.ports.clock.now()
    expected = estimate((await store.listing()).backups, await database.size())
    await check_room(store, expected * database.copies)
    id = _new_id(ctx)
    count = Count(ctx.ports.operator, "backing up", expected)
    async with store.receive(id) as incoming:
        async with database.dump() as dump:
            await incoming.fill(dump.source, count)
        assert dump.content is not None, "it is known when the dump has ended"
        backup = Backup(
            id=id,
            at=at,
            service=ctx.spec.service,
            environment=ctx.environment,
            database=database.identity,
            engine=database.engine,
            content=dump.content,
            reason=reason,
            actor=ctx.actor,
        )
        ctx.ports.operator.note(f"keeping it in {store.place}")
        backup = await incoming.keep(backup, count)
    await _record(ctx, "made", backup, place=store.place, size=backup.size, rows=backup.content.total)
    return backup


def _new_id(ctx: Context) -> str:
    return model.backup_id(ctx.ports.clock.now(), os.urandom(2).hex())


async def _verify_new(ctx: Context, backing: Backing, backup: Backup) -> Backup:
    if not backing.store.readable:
        ctx.reporter.notice(f"{backup.id} is not verified: no identity is at hand to decrypt it")
        return backup
    checked = await _check(ctx, backing, backup)
    if checked.backup is None:
        raise BackupDamaged(checked.cause, next="`comporta database backup` makes another one")
    return checked.backup


async def _check(ctx: Context, backing: Backing, backup: Backup) -> Checked:
    try:
        async with _restored(ctx, backing, backup):
            pass
    except BackupDamaged as error:
        marked = msgspec.structs.replace(backup, verified_at=None, damage=error.message)
        await backing.store.note(marked)
        await _record(ctx, "damaged", marked, cause=error.message)
        return Checked(backup.id, None, error.message)
    verified = msgspec.structs.replace(backup, verified_at=ctx.ports.clock.now(), damage="")
    await backing.store.note(verified)
    await _record(ctx, "verified", verified)
    return Checked(backup.id, verified)


@asynccontextmanager
async def _restored(ctx: Context, backing: Backing, backup: Backup) -> AsyncIterator[Scratch]:
    """A scratch database that holds the very content of the backup."""
    await check_scratch_room(backing.database, backup)
    count = Count(ctx.ports.operator, "restoring", backup.size, exact=True)
    ctx.ports.operator.note(f"comparing the checksum of {backup.id}")
    async with backing.store.content(backup, count) as pour, backing.database.scratch() as scratch:
        await scratch.load(pour)
        ctx.ports.operator.note("counting the rows that came back")
        if wrong := model.differences(backup.content, await scratch.describe()):
            raise BackupDamaged(
                f"cannot rely on the backup {backup.id}: {wrong[0]}", details=wrong[1:MOST_DIFFERENCES], next=NEXT_LIST
            )
        yield scratch


async def _replace(ctx: Context, backing: Backing, backup: Backup, saved: Backup | None) -> Restored:
    async with _restored(ctx, backing, backup) as scratch:
        await _record(ctx, "restoring", backup)
        ctx.ports.operator.note("letting it take over")
        # From here on there is no way back, so there is no stopping on the way either.
        with anyio.CancelScope(shield=True):
            keep = "" if saved else _new_id(ctx)
            old = await scratch.take_over(Count(ctx.ports.operator, "taking over", backup.content.size), keep=keep)
            await _record(ctx, "restored", backup, old=old, safety=saved.id if saved else "")
    return Restored(backup, saved, old)


async def _prune(ctx: Context, backing: Backing) -> tuple[Backup, ...]:
    gone = model.surplus((await backing.store.listing()).backups, _spec(ctx).keep)
    for backup in gone:
        await backing.store.delete(backup.id)
        await _record(ctx, "deleted", backup)
    return gone


async def _sweep(ctx: Context, backing: Backing) -> None:
    """Remove what a crash left. A database that does not answer keeps what it has."""
    left = await backing.store.sweep()
    with suppress(BackupFailed):
        left += await backing.database.sweep()
    if left:
        ctx.reporter.notice(f"removed what an interrupted run left: {', '.join(left)}")


async def _now(backing: Backing, *, needed: bool) -> Description | None:
    """The database as it is; None if it does not answer, and need not."""
    try:
        return await backing.database.describe()
    except BackupFailed as error:
        if needed:
            advice = "`comporta database restore --no-safety-backup` does not need what is there"
            raise BackupFailed(error.message, next=advice, details=error.details) from None
        return None


def _chosen(listing: Listing, id: str) -> Backup:
    for backup in listing.backups:
        if backup.id == id:
            return backup
    if id in listing.damaged:
        raise BackupDamaged(f"cannot use the backup {id}: its manifest or its data is damaged", next=NEXT_LIST)
    raise UsageError(f"cannot find the backup {id}", next=NEXT_LIST)


def _newest(listing: Listing) -> str:
    if not listing.backups:
        raise UsageError("cannot find a backup: there is none", next="`comporta database backup` makes one")
    return listing.backups[0].id


def _newest_verified(listing: Listing) -> str:
    newest = model.latest_verified(listing.backups)
    if newest is None:
        raise UsageError(
            "cannot choose a backup: none was verified", next="`comporta database verify --all` tries them"
        )
    return newest.id


def _spec(ctx: Context) -> BackupSpec:
    assert ctx.spec.database is not None, "there is a backing where there is a database"
    return ctx.spec.database.backups


async def _record(ctx: Context, did: str, backup: Backup, **facts: Any) -> None:
    await ctx.journal.append(
        Kind.BACKUP,
        at=ctx.ports.clock.now(),
        environment=ctx.environment,
        actor=ctx.actor,
        lease=None,
        data={"did": did, "id": backup.id, "database": backup.database, "reason": backup.reason, **facts},
    )
