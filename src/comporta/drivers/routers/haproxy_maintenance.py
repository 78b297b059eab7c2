"""The maintenance page: the one entry of a map, `off` or `on|<the page>`, which HAProxy looks up for each request."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from comporta.drivers.routers.haproxy_map import MapFile
from comporta.drivers.routers.maintenance import doing
from comporta.model.errors import RouterError

OFF = "off"
ON = "on|"
LONGEST = 11_000
"""Bytes of a page. In base64, a command with it must fit into one of HAProxy's buffers, which have 16 KiB."""
LINE_BREAK = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""And other control characters, of which HTML has none."""
BREAKS_MATTER = re.compile(r"<(pre|script|textarea)\b", re.IGNORECASE)


class PageMap(MapFile):
    def __init__(self, path: Path) -> None:
        super().__init__(path, first=OFF)

    def knows(self, value: str) -> bool:
        return value == OFF or value.startswith(ON)


def encode(page: str | None) -> str:
    """Without a space: it is a word in a map file and in a command.

    Raises:
        RouterError: the page is too long, or needs its line breaks.
    """
    if page is None:
        return OFF
    data = _in_one_line(page).encode()
    if len(data) > LONGEST:
        raise RouterError(
            f"cannot {doing(page)}: it has {len(data)} bytes, and HAProxy takes {LONGEST} at most",
            next="let it refer to pictures and styles that are somewhere else, or give --message without a page",
        )
    return f"{ON}{base64.b64encode(data).decode()}"


def _in_one_line(page: str) -> str:
    """HAProxy would write a line break as `%0A`; to HTML it is the same as a space, nearly everywhere."""
    exception = BREAKS_MATTER.search(page)
    if exception and LINE_BREAK.search(page):
        raise RouterError(
            f"cannot {doing(page)}: HAProxy sends it in one line, but line breaks matter in its <{exception[1]}>",
            next="write the whole page in one line, or without that",
        )
    return LINE_BREAK.sub(" ", page)
