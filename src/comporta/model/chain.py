"""The chain of hashes over the journal's records: the same for every journal driver."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

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


def first_broken(records: Iterable[Record]) -> Record | None:
    """The first record, oldest first, that does not follow from the one before it; None if all do."""
    previous, sequence = GENESIS, 0
    for record in records:
        if record.previous != previous or record.sequence != sequence + 1 or digest(record) != record.hash:
            return record
        previous, sequence = record.hash, record.sequence
    return None
