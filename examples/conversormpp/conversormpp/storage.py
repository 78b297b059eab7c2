"""The object store: a local directory by default, S3 by URL. Keys are `uploads/<id>` and `results/<id>`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

StorageError = (BaseError, OSError)


class Storage:
    """`url` is `file:///a/directory` or `s3://bucket/prefix`; S3's endpoint and keys come from the AWS_* variables."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._directory = Path(unquote(parts.path)) if parts.scheme == "file" else None
        self._store: LocalStore | S3Store
        if self._directory is not None:
            self._store = LocalStore(self._directory, mkdir=True)
        else:
            self._store = S3Store.from_url(url)

    def put(self, key: str, content: bytes) -> None:
        obstore.put(self._store, key, content)

    def get(self, key: str) -> bytes:
        return bytes(obstore.get(self._store, key).bytes())

    def delete(self, key: str) -> None:
        """Delete the object, if it is there."""
        with suppress(FileNotFoundError):
            obstore.delete(self._store, key)

    def check(self) -> None:
        """Put, get and delete a small object. Raises StorageError."""
        if self._directory is not None and not self._directory.is_dir():
            # The store would make a new, empty directory without a word: the files would be gone, and the check green.
            raise OSError(f"the directory {self._directory.name} is gone")
        key, content = f"checks/{uuid4().hex}", uuid4().bytes
        self.put(key, content)
        if self.get(key) != content:
            raise OSError("what was read is not what was written")
        self.delete(key)
