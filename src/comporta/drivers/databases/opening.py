"""The database at a URL, by its scheme."""

from __future__ import annotations

from pathlib import Path

from comporta.model.errors import ConfigError
from comporta.ports.database import Database


def database(url: str, base: Path, work: Path) -> Database:
    """The database at a URL (with its variables filled in).

    Args:
        base: where relative paths start.
        work: a folder for what is needed on the way.

    Raises:
        ConfigError: no driver knows such a URL; it is not shown, since it may hold a password.
    """
    scheme, _, rest = url.partition("://")
    engine = scheme.partition("+")[0]
    if engine in ("postgresql", "postgres"):
        from comporta.drivers.databases.postgresql import Postgresql

        return Postgresql(f"postgresql://{rest}")
    if engine == "sqlite":
        from comporta.drivers.databases.sqlite import Sqlite

        return Sqlite(base / rest.partition("?")[0].removeprefix("/"), work)
    raise ConfigError(
        "cannot use the database in `database.url`: it begins neither with postgresql:// nor with sqlite://",
        next="write it like postgresql://user:password@host/name or sqlite:///file.db",
    )
