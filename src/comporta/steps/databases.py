"""What the steps about the database share."""

from __future__ import annotations

from collections.abc import Sequence

from comporta.model.errors import DatabaseUnreachable, StepFailed, UsageError
from comporta.model.migrations import SchemaState
from comporta.model.release import Artifact
from comporta.ports.bundle import Ports
from comporta.ports.migrator import Migrator
from comporta.ports.vault import Vault

ADVICE = "put `database` back into comporta.yml as it was when the deployment began"
RESTART = 60.0
"""Seconds to wait for a database that does not answer: it may be restarting."""
LOOK_EVERY = 0.5


def migrator(ports: Ports) -> Migrator:
    if ports.migrator is None:
        raise UsageError("cannot migrate the database: the config names no migrator any more", next=ADVICE)
    return ports.migrator


def vault(ports: Ports) -> Vault:
    if ports.vault is None:
        raise UsageError("cannot back up the database: the config names none any more", next=ADVICE)
    return ports.vault


async def state(ports: Ports, artifact: Artifact) -> SchemaState:
    """Where the schema is; a restart of the database is waited for.

    Raises:
        MigrationFailed: it does not say.
    """
    deadline = ports.clock.monotonic() + RESTART
    while True:
        try:
            return await migrator(ports).current(artifact)
        except DatabaseUnreachable:
            if ports.clock.monotonic() > deadline:
                raise
        await ports.clock.sleep(LOOK_EVERY)


async def left(ports: Ports, artifact: Artifact, undone: Sequence[str]) -> list[str]:
    """Those of these revisions that the database still has."""
    found = await state(ports, artifact)
    return [revision for revision in undone if revision in (*found.applied, found.unfinished)]


async def own_backup(ports: Ports, purpose: str) -> str:
    """The backup that an earlier step of this deployment made.

    Raises:
        StepFailed: it is gone.
    """
    found = await vault(ports).find(reason(ports, purpose))
    if found is None:
        raise StepFailed(
            "cannot put the database back: the backup of this deployment is gone",
            next="`comporta database list` shows which there are, `comporta database restore` restores one",
        )
    return found


def reason(ports: Ports, purpose: str) -> str:
    """Why a backup is made: by it the deployment finds its own again, also after a crash."""
    return f"deployment {ports.deployment}: {purpose}" if ports.deployment else purpose
