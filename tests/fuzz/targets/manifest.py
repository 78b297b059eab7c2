"""The description beside a backup: damaged ones are named, and with what is not damaged one can work.

The input is tried twice: as the file itself, and as the facts in it under a checksum that is right.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache

import anyio

from comporta.drivers.backups.directory import Directory
from comporta.drivers.backups.shelf import DATA, MANIFEST
from comporta.drivers.backups.store import Store
from comporta.drivers.system_clock import SystemClock
from comporta.model.backups import Listing, before_contract, bytes_text, differences, latest_verified, surplus
from comporta.model.spec import BackupSpec, KeepSpec
from comporta.model.values import to_json
from fuzz.scratch import documented, folder

ID = "20260101T000000Z-0a1b"


@cache
def _store() -> Store:
    made = folder() / "backups"
    made.mkdir(exist_ok=True)
    (made / f"{ID}{DATA}").write_bytes(b"")
    return Store(Directory(made), made, BackupSpec(), SystemClock())


def run(data: bytes) -> None:
    _check(data)
    try:
        facts = json.loads(data)
    except (ValueError, RecursionError):
        return
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    _check(json.dumps({"backup": facts, "sha256": digest}).encode())


def _check(manifest: bytes) -> None:
    store = _store()
    (folder() / "backups" / f"{ID}{MANIFEST}").write_bytes(manifest)
    with documented():
        found: Listing = anyio.run(store.listing)
        assert len(found.backups) + len(found.damaged) == 1
        for backup in found.backups:
            assert backup.id == ID
            assert not differences(backup.content, backup.content)
            json.dumps(to_json(backup))
            bytes_text(backup.size)
        latest_verified(found.backups)
        before_contract(found.backups)
        surplus(found.backups, KeepSpec())
