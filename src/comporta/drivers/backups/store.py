"""Backups on a shelf: data first, manifest last, checksums over both."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Any, cast

import anyio.to_thread
import msgspec

from comporta.drivers.backups.sealing import CHUNK, plain, sealing, unsealing
from comporta.drivers.backups.shelf import DATA, MANIFEST, Shelf, private
from comporta.model.backups import Backup, Listing, Seen
from comporta.model.errors import BackupDamaged, BackupFailed
from comporta.model.spec import BackupSpec
from comporta.model.values import from_json, to_json
from comporta.ports.clock import Clock
from comporta.ports.database import Pour

PART = ".part"
LOCK = "lock"
LOCK_WAIT = 3600.0
"""Seconds to wait for another process that works on the backups: it may be restoring a large one."""
LOOK_EVERY = 0.5


class Store:
    """Implements BackupStore.

    Args:
        work: the folder where backups are prepared; for a shelf in a folder it is that one.
    """

    def __init__(self, shelf: Shelf, work: Path, spec: BackupSpec, clock: Clock) -> None:
        self._shelf = shelf
        self._work = work
        self._spec = spec
        self._clock = clock

    @property
    def place(self) -> str:
        return self._shelf.place

    @property
    def readable(self) -> bool:
        return not self._spec.recipients or self._spec.identity is not None

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """The kernel frees the lock when its holder ends, however that ends."""
        with _told(self._work):
            self._made()
            descriptor = os.open(self._work / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            deadline = self._clock.monotonic() + LOCK_WAIT
            while not _locked(descriptor):
                if self._clock.monotonic() > deadline:
                    raise BackupFailed(f"cannot work on the backups: another process has done so for {LOCK_WAIT:g} s")
                await self._clock.sleep(LOOK_EVERY)
            yield
        finally:
            os.close(descriptor)

    async def room(self) -> int:
        self._made()
        return shutil.disk_usage(self._work).free

    async def listing(self) -> Listing:
        names = await self._shelf.names()
        backups, damaged = [], []
        for id in sorted(name.removesuffix(MANIFEST) for name in names if name.endswith(MANIFEST)):
            backup = _read(id, await self._shelf.read(id + MANIFEST)) if id + DATA in names else None
            if backup is None:
                damaged.append(id)
            else:
                backups.append(backup)
        # Two may have been made within a second, which is all that their names tell.
        newest_first = sorted(backups, key=lambda backup: (backup.at, backup.id), reverse=True)
        return Listing(backups=tuple(newest_first), damaged=tuple(reversed(damaged)))

    @asynccontextmanager
    async def receive(self, id: str) -> AsyncIterator[Receiving]:
        seal = sealing(self._spec.recipients) if self._spec.recipients else None
        self._made()
        path = self._work / f"{id}{PART}"
        try:
            with _told(self._work), private(path) as file:
                yield Receiving(self, path, Hashing(file), seal)
        finally:
            path.unlink(missing_ok=True)

    @asynccontextmanager
    async def content(self, backup: Backup, seen: Seen) -> AsyncIterator[Pour]:
        unseal = unsealing(Path(self._spec.identity) if self._spec.identity else None) if backup.sealed else plain
        try:
            async with self._shelf.file(backup.id + DATA) as path:
                await anyio.to_thread.run_sync(_check, path, backup, abandon_on_cancel=True)

                def pour(sink: IO[bytes]) -> None:
                    with path.open("rb") as file:
                        unseal(_watched(file, seen), sink)

                yield pour
        except FileNotFoundError:
            raise damage(backup, "its data is gone") from None

    async def note(self, backup: Backup) -> None:
        facts = to_json(backup)
        text = json.dumps({"backup": facts, "sha256": _digest(facts)}, indent=1)
        with _told(self._work):
            await self._shelf.write(backup.id + MANIFEST, text.encode())

    async def delete(self, id: str) -> None:
        await self._shelf.remove(id + MANIFEST)
        await self._shelf.remove(id + DATA)

    async def sweep(self) -> tuple[str, ...]:
        left = [path for path in self._work.glob(f"*{PART}") if path.is_file()]
        for path in left:
            path.unlink(missing_ok=True)
        stale = [name for name in await self._shelf.stale() if name not in {path.name for path in left}]
        for name in stale:
            await self._shelf.remove(name)
        return (*(path.name for path in left), *stale)

    async def shelve(self, backup: Backup, path: Path) -> None:
        with _told(self._work):
            await self._shelf.take(backup.id + DATA, path)
        await self.note(backup)

    def _made(self) -> None:
        self._work.mkdir(mode=0o700, parents=True, exist_ok=True)


class Receiving:
    """Implements Incoming."""

    def __init__(self, store: Store, path: Path, file: Hashing, seal: Any) -> None:
        self._store = store
        self._path = path
        self._file = file
        self._seal = seal

    async def fill(self, source: IO[bytes], seen: Seen) -> None:
        def copy() -> None:
            (self._seal or plain)(_watched(source, seen), cast("IO[bytes]", self._file))
            self._file.finish()

        await anyio.to_thread.run_sync(copy, abandon_on_cancel=True)

    async def keep(self, backup: Backup, seen: Seen) -> Backup:
        kept = msgspec.structs.replace(
            backup, size=self._file.size, sha256=self._file.sha256.hexdigest(), sealed=self._seal is not None
        )
        await self._store.shelve(kept, self._path)
        return kept


class Hashing(io.RawIOBase):
    """A file that is written, and what was written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._file.write(data)
        self.sha256.update(data)
        self.size += len(data)
        return len(data)

    def finish(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


class Watched(io.RawIOBase):
    """A file that is read, and who hears of it."""

    def __init__(self, file: IO[bytes], seen: Seen) -> None:
        self._file = file
        self._seen = seen

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._seen(len(data))
        return data


def _watched(file: IO[bytes], seen: Seen) -> IO[bytes]:
    return cast("IO[bytes]", Watched(file, seen))


def damage(backup: Backup, cause: str) -> BackupDamaged:
    return BackupDamaged(
        f"cannot use the backup {backup.id}: {cause}",
        next="`comporta database list` shows the others; `comporta database verify --all` tries them",
    )


def _check(path: Path, backup: Backup) -> None:
    size = path.stat().st_size
    if size != backup.size:
        raise damage(backup, f"it has {size} bytes, and had {backup.size}")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != backup.sha256:
        raise damage(backup, "its checksum is another one")


def _read(id: str, text: bytes) -> Backup | None:
    """The backup of a manifest; None if that is damaged."""
    try:
        written = json.loads(text)
        backup = from_json(written["backup"], Backup)
        return backup if backup.id == id and written["sha256"] == _digest(written["backup"]) else None
    except (ValueError, KeyError, TypeError, RecursionError, msgspec.ValidationError):
        return None


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupFailed(
            f"cannot write the backup in {folder}: {(error.strerror or str(error)).lower()}",
            next="free some space, or set `database.backups.directory`",
        ) from None
