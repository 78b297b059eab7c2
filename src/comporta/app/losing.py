"""Asking before a rollback loses data: what is lost is said in words, and only the typed word `yes` is a yes."""

from __future__ import annotations

from comporta.app.context import Context
from comporta.model.errors import Refused
from comporta.model.migrations import Phase
from comporta.model.release import Release
from comporta.model.schema import Undoing


def loss(undoing: Undoing) -> list[str]:
    """What is not there afterwards, one line for each migration."""
    lines = []
    for migration, phase in zip(undoing.migrations, undoing.phases, strict=True):
        contract = phase is Phase.CONTRACT
        what = "what it dropped comes back empty" if contract else "what was written to what it added is deleted"
        lines.append(f"{migration.name}, {migration.file}: {what}")
    return lines


async def agree_to_loss(ctx: Context, release: Release, undoing: Undoing, *, accepted: bool) -> None:
    """Have a person accept it.

    Args:
        accepted: it was accepted on the command line.

    Raises:
        Refused: nobody did; or there is no way back, but for a backup.
    """
    if undoing.final:
        raise Refused(
            f"cannot roll back to {release.ref}: there is no way back from "
            f"{', '.join(migration.name for migration in undoing.final)}",
            details=loss(undoing),
            next="`comporta database list` shows the backup from before it: `comporta database restore BACKUP` brings "
            "that back, without all that was written since; then roll back again",
        )
    told = loss(undoing)
    for line in told:
        ctx.reporter.notice(f"data loss: {line}")
    if accepted:
        return
    question = (
        f"{release.ref} cannot live with the database as it is. A verified backup is made, and then undone:\n"
        + "\n".join(f"  {line}" for line in told)
        + f"\nUndo them, and roll {ctx.environment} back?"
    )
    if not await ctx.ports.operator.insist(question):
        raise Refused(
            f"cannot roll back to {release.ref}: the loss of data was not accepted",
            details=told,
            next="type yes at the prompt, or give --accept-data-loss",
        )
