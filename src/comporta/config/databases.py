"""The shape of `database`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from comporta.config.part import Part
from comporta.config.types import DatabaseUrl, FilePath, HttpUrl, Key, Line, PositiveDuration, Recipient
from comporta.model.spec import BackupSpec, DatabaseSpec

BACKUPS = BackupSpec()
DATABASE = DatabaseSpec(url="")


class Keep(Part):
    """Which backups are kept. The last one that was verified is kept in any case, and the last one
    from before a contract."""

    last: Annotated[int, Field(ge=1)] = Field(default=BACKUPS.keep.last, description="The newest ones.")
    daily: Annotated[int, Field(ge=0)] = Field(
        default=BACKUPS.keep.daily, description="The newest of each of so many days that have one."
    )
    weekly: Annotated[int, Field(ge=0)] = Field(
        default=BACKUPS.keep.weekly, description="The newest of each of so many weeks that have one."
    )


class S3(Part):
    """An S3-compatible store, in which backups are kept instead of in `directory`."""

    bucket: Line = Field(description="The bucket, which must be there.")
    prefix: str = Field(default="", description="What the names of all objects begin with: `shop/production`.")
    endpoint: HttpUrl | None = Field(default=None, description="Its address. Default: Amazon's own.")
    region: Line = Field(default="us-east-1", description="Its region.")
    access_key: Key | None = Field(
        default=None, description="Such as `${S3_ACCESS_KEY}`. Default: the AWS_… variables."
    )
    secret_key: Key | None = Field(default=None, description="Such as `${S3_SECRET_KEY}`.")


class Backups(Part):
    """How the database is backed up."""

    directory: FilePath | None = Field(
        default=None,
        description="Where backups are kept (or prepared, with `s3`), relative to the config's folder. Default: in the "
        "state folder.",
    )
    s3: S3 | None = Field(default=None, description="An S3-compatible store, in which they are kept instead.")
    keep: Keep = Field(default=Keep(), description="Which ones are kept.")
    verify: bool = Field(default=BACKUPS.verify, description="Restore each new backup, and compare.")
    recipients: list[Recipient] = Field(
        default=[], description="Who can read the backups, as recipients of age. None: they are not encrypted."
    )
    identity: FilePath | None = Field(
        default=None,
        description="age's identity file, to read them: for verify and restore. Relative to the config's folder.",
    )


class Database(Part):
    """The database whose schema belongs to the release."""

    url: DatabaseUrl = Field(
        description="Where it is: `postgresql://…`, or `sqlite:///file.db` relative to the config's folder. A password "
        "belongs into a variable: `${DATABASE_URL}`."
    )
    migrations: Any = None
    lock_timeout: PositiveDuration = Field(
        default=DATABASE.lock_timeout,
        description="How long a migration may wait for a lock, and users behind it; then it gives up and tries again.",
    )
    statement_timeout: PositiveDuration = Field(
        default=DATABASE.statement_timeout, description="How long one statement of a migration may run."
    )
    lock_wait: PositiveDuration = Field(
        default=DATABASE.lock_wait, description="How long to wait for another migration of the same database."
    )
    backups: Backups = Field(default=Backups(), description="How it is backed up.")
