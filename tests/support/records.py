"""Journal records made by hand, for tests of the pure machine."""

from __future__ import annotations

from typing import Any

from comporta.model.journal import Kind, Record


def record(kind: Kind, step: int | None = None, *, at: float = 0.0, sequence: int = 1, **data: Any) -> Record:
    return Record(
        sequence=sequence,
        at=at,
        environment="test",
        deployment=1,
        kind=kind,
        step=step,
        actor="tester",
        generation=1,
        data=data,
        previous="",
        hash="",
    )
