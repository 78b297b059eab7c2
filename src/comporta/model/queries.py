"""Placeholders in the queries of further metrics: `{release}`, `{version}` and `{slot}`, filled in for each role.

Query languages use braces themselves, so nothing but these three words in braces is a placeholder, and `${slot}` is a
variable. What is filled in cannot end a string, a label or a variable, wherever it stands.
"""

from __future__ import annotations

import re

from comporta.model.errors import MetricSourceFailure
from comporta.model.traffic import ReleaseRef, Slot

NAMES = ("release", "version", "slot")

_PLACEHOLDER = re.compile(rf"(?<!\$)\{{({'|'.join(NAMES)})\}}")
_PLAIN = re.compile(r"[A-Za-z0-9_.+:/@-]+")


def placeholders(query: str) -> list[str]:
    """The names in the query, in order."""
    return _PLACEHOLDER.findall(query)


def fill(query: str, slot: Slot, release: ReleaseRef) -> str:
    """The query for the release in a slot.

    Raises:
        MetricSourceFailure: the version has characters that mean something in a query.
    """
    values = {"release": str(release.number), "version": release.version, "slot": slot.value}
    if "version" in placeholders(query) and not _PLAIN.fullmatch(release.version):
        raise MetricSourceFailure(
            f"cannot fill the version {release.version!r} into {query}: it has more than letters, digits and _.+:/@-",
            next="tell the releases apart by {release} or {slot} in the query",
        )
    return _PLACEHOLDER.sub(lambda match: values[match[1]], query)
