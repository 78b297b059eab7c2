"""The dark header (since 1.1.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conversormpp.release import Release

STYLE = """
header { background: #101a33; color: #fff; }
header .version { background: #2f6df6; color: #fff; }
header p { color: #b9c4e0; }
"""


def add_to(release: Release) -> None:
    release.styles.append(STYLE)
