"""A quick look into MSPDI XML and MPX without Java: what is in the file, before anybody converts it."""

from __future__ import annotations

import io
from collections import Counter
from xml.etree import ElementTree

NAMESPACE = "{http://schemas.microsoft.com/project}"
MPX_RECORDS = {"50": "resources", "70": "tasks", "75": "assignments"}
KINDS = ("tasks", "resources", "assignments")


class NotPreviewable(Exception):
    """The file is neither MSPDI XML nor MPX."""


def preview(content: bytes) -> dict[str, str | int]:
    """Format, title and the numbers of tasks, resources and assignments. Raises NotPreviewable."""
    if content.startswith(b"MPX"):
        return _mpx(content.decode("cp1252", "replace"))
    return _mspdi(content)


def _mspdi(content: bytes) -> dict[str, str | int]:
    counts: Counter[str] = Counter()
    title, parents = "", []
    try:
        for event, element in ElementTree.iterparse(io.BytesIO(content), ("start", "end")):
            if event == "start":
                parents.append(element.tag)
                continue
            parents.pop()
            if parents == [f"{NAMESPACE}Project"] and element.tag == f"{NAMESPACE}Title":
                title = element.text or ""
            elif len(parents) == 2 and parents[0] == f"{NAMESPACE}Project":
                counts[element.tag.removeprefix(NAMESPACE).lower() + "s"] += 1
                element.clear()  # a plan of a gigabyte needs the memory of one task
        if element.tag != f"{NAMESPACE}Project":
            raise NotPreviewable("cannot preview: the XML is no MSPDI project")
    except ElementTree.ParseError as error:
        raise NotPreviewable(f"cannot preview: neither MPX nor well-formed XML: {error}") from error
    return {"format": "mspdi", "title": title, **{kind: counts[kind] for kind in KINDS}}


def _mpx(text: str) -> dict[str, str | int]:
    separator = text[3:4] or ","
    rows = [line.split(separator, 2) for line in text.splitlines()]
    counts = Counter(MPX_RECORDS.get(row[0], "") for row in rows)
    title = next((row[1] for row in rows if row[0] == "30" and len(row) > 1), "")
    return {"format": "mpx", "title": title, **{kind: counts[kind] for kind in KINDS}}
