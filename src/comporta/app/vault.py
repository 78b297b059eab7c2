"""Backups for the steps of a deployment, which holds the lease already and asks nobody."""

from __future__ import annotations

from msgspec import Struct

from comporta.app import backups
from comporta.app.context import Context
from comporta.model.backups import Backup
from comporta.model.errors import BackupFailed
from comporta.ports.vault import Vault


def vault(ctx: Context) -> Vault | None:
    """That of the configured database; None where there is none."""
    return BackupVault(ctx) if ctx.ports.backing else ctx.ports.vault


class BackupVault(Struct, frozen=True):
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
        return next((one.id for one in await self._sound() if one.reason == reason), None)

    async def at(self, revision: str) -> str | None:
        return next((one.id for one in await self._sound() if one.content.revision == revision), None)

    async def loss(self, id: str) -> tuple[str, ...]:
        backup = await self._named(id)
        now = await backups.opened(self.ctx).database.describe()
        hours = (self.ctx.ports.clock.now() - backup.at) / 3600
        return (
            f"everything written since the backup {id}, which is {hours:.1f} h old, also to rows that were there then",
            *backups.changes(backup.content.rows, now.rows),
        )

    async def fits(self, id: str) -> bool:
        wanted = await self._named(id)
        now = await backups.opened(self.ctx).database.describe()
        return now.schema_digest == wanted.content.schema_digest

    async def bring_back(self, id: str) -> None:
        await backups.restore_backup(self.ctx, id, safety=False, ask=False)

    async def _sound(self) -> list[Backup]:
        """Newest first."""
        found = (await backups.list_backups(self.ctx)).backups
        return [one for one in found if one.verified_at and not one.damage]

    async def _named(self, id: str) -> Backup:
        return next(one for one in (await backups.list_backups(self.ctx)).backups if one.id == id)
