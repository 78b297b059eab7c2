"""Backups of the database, as a step of a deployment makes and uses them."""

from __future__ import annotations

from typing import Protocol


class Vault(Protocol):
    async def keep(self, reason: str) -> str:
        """Back the database up and verify that, and return the backup's id.

        Raises:
            BackupFailed: there is no backup that could be relied on.
        """

    async def find(self, reason: str) -> str | None:
        """The newest sound backup that was made for this reason, if there is one."""

    async def at(self, revision: str) -> str | None:
        """The newest sound backup of the database at this revision of its schema, if there is one."""

    async def loss(self, id: str) -> tuple[str, ...]:
        """What would be gone if the database were this backup, in lines for people.

        Raises:
            BackupFailed: the database does not answer.
        """

    async def fits(self, id: str) -> bool:
        """The schema of the database is, to each definition, the one that was backed up."""

    async def bring_back(self, id: str) -> None:
        """Replace the database by the backup. What is there is kept beside, under another name.

        Raises:
            BackupFailed: the database is as it was.
        """
