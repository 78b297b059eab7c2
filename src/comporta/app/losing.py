"""Asking before a rollback loses data: what is lost is said in words, and only the typed word `yes` is a yes."""

from __future__ import annotations

from msgspec import Struct, structs

from comporta.app.context import Context
from comporta.app.vault import vault
from comporta.model.errors import Refused
from comporta.model.migrations import Phase
from comporta.model.release import Release
from comporta.model.schema import Undoing


class Agreed(Struct, frozen=True):
    """What a person agreed to on the command line.

    Attributes:
        loss: of data; else it is asked for.
        restore: of a backup, where a migration has no way back; else that is refused.
    """

    loss: bool = False
    restore: bool = False


async def agree_to_loss(ctx: Context, release: Release, undoing: Undoing, agreed: Agreed) -> Undoing:
    """Have a person accept it; returned with the backup that has to be restored, where nothing else leads back.

    Raises:
        Refused: nobody did; or there is no way back, and no backup.
    """
    if undoing.final:
        undoing = structs.replace(undoing, backup=await _backup(ctx, release, undoing))
    told = await _loss(ctx, undoing)
    if undoing.final and not agreed.restore:
        raise Refused(
            f"cannot roll back to {release.ref}: there is no way back from {_final(undoing)}, but the backup "
            f"{undoing.backup} from before it",
            details=[f"that would lose {line}" for line in told],
            next=f"`comporta rollback --to {release.artifact.version} --restore-backup` backs up what is there now, "
            "and restores that one",
        )
    for line in told:
        ctx.reporter.notice(f"data loss: {line}")
    if not agreed.loss and not await ctx.ports.operator.insist(_question(ctx, release, undoing, told)):
        raise Refused(
            f"cannot roll back to {release.ref}: the loss of data was not accepted",
            details=told,
            next="type yes at the prompt, or give --accept-data-loss",
        )
    return undoing


async def _backup(ctx: Context, release: Release, undoing: Undoing) -> str:
    kept = vault(ctx)
    # A backup without a revision may also be one whose migration tool leaves none that we know.
    found = await kept.at(undoing.to) if kept and undoing.to else None
    if found is None:
        raise Refused(
            f"cannot roll back to {release.ref}: there is no way back from {_final(undoing)}, and no verified backup "
            f"of the database at revision {undoing.to or 'none'} is kept",
            next="`comporta database list` shows which there are: `comporta database restore BACKUP` brings one back, "
            "without all that was written since; then roll back again",
        )
    return found


async def _loss(ctx: Context, undoing: Undoing) -> list[str]:
    """What is not there afterwards, in lines."""
    if undoing.backup and (kept := vault(ctx)):
        return [*await kept.loss(undoing.backup)]
    lines = []
    for migration, phase in zip(undoing.migrations, undoing.phases, strict=True):
        contract = phase is Phase.CONTRACT
        what = "what it dropped comes back empty" if contract else "what was written to what it added is deleted"
        lines.append(f"{migration.name}, {migration.file}: {what}")
    return lines


def _question(ctx: Context, release: Release, undoing: Undoing, told: list[str]) -> str:
    what = f"the backup {undoing.backup} is restored, which loses" if undoing.backup else "undone"
    do = "Restore it" if undoing.backup else "Undo them"
    return (
        f"{release.ref} cannot live with the database as it is. A verified backup is made, and then {what}:\n"
        + "\n".join(f"  {line}" for line in told)
        + f"\n{do}, and roll {ctx.environment} back?"
    )


def _final(undoing: Undoing) -> str:
    return ", ".join(migration.name for migration in undoing.final)
