"""One PostgreSQL database takes the name of another, in one transaction.

The rename locks the name first, so that no new session gets in, and then waits for the sessions there are to end, which
a second connection sees to. Who connects meanwhile waits, and is told to try again.
"""

from __future__ import annotations

import anyio
from psycopg import errors, sql

from comporta.drivers.databases.postgresql_content import Connection
from comporta.model.errors import BackupFailed
from comporta.steps.groups import task_group

ATTEMPTS = 3
"""How often the rename is tried; the server itself waits 5 s each time."""
END_EVERY = 0.05
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


async def swap(admin: Connection, ender: Connection, real: str, old: str, new: str) -> bool:
    """`real` becomes `old`, and `new` becomes `real`. False if there was no `real`.

    Raises:
        BackupFailed: sessions did not end. Nothing is changed.
    """
    query = "SELECT 1 FROM pg_database WHERE datname = %s"
    was_there = await (await admin.execute(query, (real,))).fetchone() is not None
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with task_group() as group:
                group.start_soon(_end_sessions, ender, real)
                async with admin.transaction():
                    if was_there:
                        await _rename(admin, real, old)
                    await _rename(admin, new, real)
                group.cancel_scope.cancel()
            return was_there
        except errors.ObjectInUse as error:
            if attempt == ATTEMPTS:
                raise BackupFailed(
                    f"cannot replace the database: {error}",
                    next="end its sessions and prepared transactions, then try again",
                ) from None
    raise AssertionError("the last attempt returns or raises")


async def _rename(admin: Connection, name: str, to: str) -> None:
    await admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(to)))


async def _end_sessions(ender: Connection, name: str) -> None:
    while True:
        # Cancelled between two of them only: psycopg would break the connection off.
        with anyio.CancelScope(shield=True):
            await ender.execute(END, (name,))
        await anyio.sleep(END_EVERY)
