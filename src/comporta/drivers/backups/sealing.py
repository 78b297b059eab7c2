"""Encryption with age: everybody can write, only who has an identity can read."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from comporta.model.errors import BackupDamaged, BackupFailed, ConfigError, MissingTool

CHUNK = 1024 * 1024
Copy = Callable[[IO[bytes], IO[bytes]], None]
"""From a source to a sink, until the source ends."""


def plain(source: IO[bytes], sink: IO[bytes]) -> None:
    shutil.copyfileobj(source, sink, CHUNK)


def sealing(recipients: Sequence[str]) -> Copy:
    """Raises ConfigError: one is none."""
    age = _pyrage()
    try:
        keys = [age.x25519.Recipient.from_str(recipient) for recipient in recipients]
    except age.RecipientError as error:
        raise ConfigError(
            f"cannot encrypt for a recipient in `database.backups.recipients`: {error}",
            next="copy it from the line `public key` that age-keygen prints",
        ) from None

    def seal(source: IO[bytes], sink: IO[bytes]) -> None:
        try:
            age.encrypt_io(source, sink, keys)
        except age.EncryptError as error:
            # What the disk refused comes as a text.
            raise BackupFailed(f"cannot write the encrypted backup: {str(error).lower()}") from None

    return seal


def unsealing(identity: Path | None) -> Copy:
    """Raises BackupFailed: there is no identity, or none in its file."""
    age = _pyrage()
    keys = _identities(identity, age)

    def unseal(source: IO[bytes], sink: IO[bytes]) -> None:
        try:
            age.decrypt_io(source, sink, keys)
        except age.DecryptError as error:
            raise BackupDamaged(f"cannot decrypt the backup: {error}", next="give the right --identity") from None

    return unseal


def _identities(path: Path | None, age: Any) -> list[Any]:
    if path is None:
        raise BackupFailed("cannot read the backup: it is encrypted", next="give --identity FILE")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [age.x25519.Identity.from_str(line.strip()) for line in lines if line.strip() and line[0] != "#"]
    except OSError as error:
        raise BackupFailed(
            f"cannot read the identity in {path}: {error.strerror}", next="give --identity FILE"
        ) from None
    except age.IdentityError:
        raise BackupFailed(f"cannot find an identity of age in {path}", next="give --identity FILE") from None


def _pyrage() -> Any:
    try:
        import pyrage
    except ImportError:
        raise MissingTool("cannot encrypt or decrypt with age", next='pip install "comporta[age]"') from None
    return pyrage
