"""What the steps about the database share."""

from __future__ import annotations

from comporta.model.errors import UsageError
from comporta.ports.bundle import Ports
from comporta.ports.migrator import Migrator
from comporta.ports.vault import Vault

ADVICE = "put `database` back into comporta.yml as it was when the deployment began"


def migrator(ports: Ports) -> Migrator:
    if ports.migrator is None:
        raise UsageError("cannot migrate the database: the config names no migrator any more", next=ADVICE)
    return ports.migrator


def vault(ports: Ports) -> Vault:
    if ports.vault is None:
        raise UsageError("cannot back up the database: the config names none any more", next=ADVICE)
    return ports.vault


def reason(ports: Ports, purpose: str) -> str:
    """Why a backup is made: by it the deployment finds its own again, also after a crash."""
    return f"deployment {ports.deployment}: {purpose}" if ports.deployment else purpose
