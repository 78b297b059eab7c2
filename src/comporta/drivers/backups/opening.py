"""The store of an environment, as the config has it."""

from __future__ import annotations

from pathlib import Path

from comporta.drivers.backups.directory import Directory
from comporta.drivers.backups.s3 import S3
from comporta.drivers.backups.store import Store
from comporta.model.spec import BackupSpec, EnvironmentSpec
from comporta.ports.backups import BackupStore
from comporta.ports.clock import Clock
from comporta.ports.secrets import Secrets


def work_folder(spec: EnvironmentSpec, backups: BackupSpec) -> Path:
    """Where backups are prepared, and kept if they are kept in a folder."""
    return Path(backups.directory or Path(spec.state) / spec.environment / "backups")


def store(spec: BackupSpec, work: Path, clock: Clock, secrets: Secrets) -> BackupStore:
    """The store that the config chooses."""
    shelf = S3(spec.s3, secrets, work, clock) if spec.s3 else Directory(work)
    return Store(shelf, work, spec, clock)
