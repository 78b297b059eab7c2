"""The search box over the history (since 1.2.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conversormpp.release import Release


def add_to(release: Release) -> None:
    release.search = True
