"""The chain of hashes over the journal's records: the same for every journal driver."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import structs

from comporta.model.journal import Record

GENESIS = "0" * 64


def digest(record: Record) -> str:
    """SHA-256 (hex) over the hash of the record before and every field of this one, in canonical JSON."""
    fields: list[Any] = [
        record.previous,
        record.sequence,
        record.at,
        record.environment,
        record.deployment,
        record.kind.value,
        record.step,
        record.actor,
        record.generation,
        record.data,
    ]
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def chained(record: Record, before: Record | None) -> Record:
    """The record as the one that comes after this one, or as the first one."""
    sequence, previous = (before.sequence, before.hash) if before else (0, GENESIS)
    placed = structs.replace(record, sequence=sequence + 1, previous=previous)
    return structs.replace(placed, hash=digest(placed))


def intact(found: Iterable[Record | None]) -> Iterator[Record | None]:
    """What was found in each place of a journal, from the first on; None where it is not what was written there.

    A record is as it was written if its own hash is right, and is the one that the record after it names, if that one
    is right.

    Args:
        found: None where nothing can be read.
    """
    last: Record | None = None
    begun = False
    for record in found:
        right = record if record is not None and digest(record) == record.hash else None
        if begun:
            yield None if last and right and right.previous != last.hash else last
        last, begun = right, True
    if begun:
        yield last


def rechained(found: Iterable[Record | None], recovered: Record) -> Iterator[Record]:
    """A whole chain of what is intact. `recovered` stands in it where the first record is missing, else at its end.

    What comes before that stays as it was, hash by hash.
    """
    last: Record | None = None
    told = False
    for record in found:
        if record is None and told:
            continue
        told = told or record is None
        last = chained(record or recovered, last)
        yield last
    if not told:
        yield chained(recovered, last)


def first_broken(records: Iterable[Record]) -> Record | None:
    """The first record, oldest first, that does not follow from the one before it; None if all do."""
    previous, sequence = GENESIS, 0
    for record in records:
        if record.previous != previous or record.sequence != sequence + 1 or digest(record) != record.hash:
            return record
        previous, sequence = record.hash, record.sequence
    return None
