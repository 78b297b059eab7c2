"""Backups in an S3-compatible store. An object appears there only when all of it has arrived."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comporta.drivers.backups.shelf import DATA, MANIFEST, private
from comporta.model.errors import BackupFailed, MissingTool
from comporta.model.spec import S3Spec
from comporta.ports.clock import Clock
from comporta.ports.secrets import Secrets

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import RetryConfig, S3Store

FETCHED = ".fetched"
RETRIES: RetryConfig = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
UNFINISHED = timedelta(days=1)
"""After which data without a manifest was left by a crash: another machine may be at work on younger ones."""


class S3:
    """Implements Shelf.

    Args:
        work: where objects are fetched to.
    """

    def __init__(self, spec: S3Spec, secrets: Secrets, work: Path, clock: Clock) -> None:
        self._spec = spec
        self._secrets = secrets
        self._work = work
        self._clock = clock
        self._opened: S3Store | None = None

    @property
    def place(self) -> str:
        return f"s3://{self._spec.bucket}/{self._prefix}"

    @property
    def _prefix(self) -> str:
        return f"{self._spec.prefix.strip('/')}/" if self._spec.prefix.strip("/") else ""

    async def names(self) -> tuple[str, ...]:
        return tuple(self._name(found) for found in await self._found())

    async def stale(self) -> tuple[str, ...]:
        for path in self._work.glob(f"*{FETCHED}"):
            path.unlink(missing_ok=True)
        names = await self.names()
        before = datetime.fromtimestamp(self._clock.now(), UTC) - UNFINISHED
        return tuple(
            name
            for found in await self._found()
            if (name := self._name(found)).endswith(DATA)
            and name.removesuffix(DATA) + MANIFEST not in names
            and found["last_modified"] < before
        )

    async def read(self, name: str) -> bytes:
        with self._told():
            answer = await self._store.get_async(self._prefix + name)
            return bytes(await answer.bytes_async())

    async def write(self, name: str, content: bytes) -> None:
        with self._told():
            await self._store.put_async(self._prefix + name, content)

    async def take(self, name: str, file: Path) -> None:
        with self._told():
            await self._store.put_async(self._prefix + name, file)
        file.unlink()

    @asynccontextmanager
    async def file(self, name: str) -> AsyncIterator[Path]:
        path = self._work / f"{secrets.token_hex(8)}{FETCHED}"
        self._work.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with self._told():
                answer = await self._store.get_async(self._prefix + name)
                with private(path) as file:
                    async for chunk in answer.stream():
                        file.write(chunk)
            yield path
        finally:
            path.unlink(missing_ok=True)

    async def remove(self, name: str) -> None:
        # Not every server takes the deletion of what is not there for a success.
        if name in await self.names():
            with self._told():
                await self._store.delete_async(self._prefix + name)

    async def _found(self) -> list[ObjectMeta]:
        with self._told():
            return [found async for batch in self._store.list(prefix=self._prefix or None) for found in batch]

    def _name(self, found: ObjectMeta) -> str:
        return found["path"].removeprefix(self._prefix)

    @property
    def _store(self) -> S3Store:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> S3Store:
        try:
            from obstore.store import S3Store
        except ImportError:
            raise MissingTool("cannot use an S3-compatible store", next='pip install "comporta[s3]"') from None
        spec = self._spec
        options: dict[str, Any] = {"region": spec.region, "virtual_hosted_style_request": False}
        if spec.endpoint:
            options["endpoint"] = self._secrets.fill(spec.endpoint)
        if spec.access_key:
            options["access_key_id"] = self._secrets.fill(spec.access_key)
        if spec.secret_key:
            options["secret_access_key"] = self._secrets.fill(spec.secret_key)
        http = str(options.get("endpoint", "")).startswith("http://")
        return S3Store(spec.bucket, **options, client_options={"allow_http": http}, retry_config=RETRIES)

    def _told(self) -> _Told:
        return _Told(self.place)


class _Told:
    """Errors of the store, in our words."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from obstore.exceptions import BaseError

        if isinstance(error, FileNotFoundError):
            return
        if isinstance(error, BaseError | OSError):
            raise BackupFailed(
                f"cannot use {self._place}: {str(error).splitlines()[0]}",
                next="see whether the store answers, and whether bucket and keys are right",
            ) from None
