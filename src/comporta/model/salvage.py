"""What can be had of a journal that is damaged."""

from __future__ import annotations

from typing import Any

from comporta.model.journal import Kind, Record
from comporta.model.values import Value


class Salvage(Value, frozen=True):
    """What is as it was written, and what is not.

    Attributes:
        kept: how many records are as they were written.
        lost: the sequences of those that are not, as far as anything is known of them.
        head: the hash of the last record that is as it was written; empty: there is none.
        releases: the numbers of the releases that are recorded, of all environments.
        deployment: the number of the newest deployment, where all its records are lost; else None.
        problem: what is wrong with the file itself; empty if nothing is.
    """

    kept: int = 0
    lost: tuple[int, ...] = ()
    head: str = ""
    releases: tuple[int, ...] = ()
    deployment: int | None = None
    problem: str = ""

    @property
    def whole(self) -> bool:
        return not self.lost and not self.problem


def recovery(salvage: Salvage, *, at: float, environment: str, actor: str, data: dict[str, Any]) -> Record:
    """The record that tells what became of a damaged journal; it has no place in the chain yet.

    Args:
        data: what it is to hold beside what the salvage tells.
    """
    facts = {"kept": salvage.kept, "lost": list(salvage.lost), "head": salvage.head, "problem": salvage.problem}
    return Record(
        sequence=0,
        at=at,
        environment=environment,
        deployment=salvage.deployment,
        kind=Kind.RECOVERED,
        step=None,
        actor=actor,
        generation=None,
        data=data | facts,
        previous="",
        hash="",
    )
