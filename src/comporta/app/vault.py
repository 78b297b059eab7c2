"""Backups for the steps of a deployment, which holds the lease already and asks nobody."""

from __future__ import annotations

from dataclasses import dataclass

from comporta.app import backups
from comporta.app.context import Context
from comporta.model.errors import BackupFailed


@dataclass(frozen=True)
class BackupVault:
    """Implements the Vault port."""

    ctx: Context

    async def keep(self, reason: str) -> str:
        backup = await backups.make_backup(self.ctx, reason, verify=True)
        if backup.verified_at is None:
            raise BackupFailed(
                f"cannot rely on the backup {backup.id}: it could not be verified here",
                next="name the identity file in `database.backups.identity`",
            )
        return backup.id

    async def find(self, reason: str) -> str | None:
        found = (await backups.list_backups(self.ctx)).backups
        return next((one.id for one in found if one.reason == reason and one.verified_at and not one.damage), None)

    async def fits(self, id: str) -> bool:
        listing = await backups.list_backups(self.ctx)
        wanted = next(one for one in listing.backups if one.id == id)
        now = await backups.opened(self.ctx).database.describe()
        return now.schema_digest == wanted.content.schema_digest

    async def bring_back(self, id: str) -> None:
        await backups.restore_backup(self.ctx, id, safety=False, ask=False)
