"""What both routers say when the maintenance page cannot be put up, or taken down."""

from __future__ import annotations

from pathlib import Path

from comporta.model.errors import RouterError


def doing(page: str | None) -> str:
    return "take the maintenance page down" if page is None else "put the maintenance page up"


def not_known_yet(page: str | None, file: Path) -> RouterError:
    """The proxy's file was written before comporta knew of maintenance."""
    return RouterError(
        f"cannot {doing(page)}: {file} is from an earlier comporta, and knows of none",
        next="`comporta deploy` brings it up to date",
    )
