"""A deployment in a few figures, without its plan: what a report over many thousands of them needs."""

from __future__ import annotations

from comporta.model.journal import Outcome
from comporta.model.values import Value


class Outline(Value, frozen=True, gc=False):  # gc=False: they are many, and hold nothing that could hold them
    """What the journal says of one deployment, in short. Moments are seconds since the epoch.

    Attributes:
        created: when its release was first recorded; None: there is no such record.
        failed: when a step of it first failed, or somebody first asked to abort it.
        ended, outcome: None while it runs or was interrupted. Of one that ended twice (an incident that was settled
            later) the last ones.
        lost: requests that nobody answered from its begin to its end; None: not known.
    """

    number: int
    environment: str
    strategy: str
    started: float
    created: float | None = None
    failed: float | None = None
    ended: float | None = None
    outcome: Outcome | None = None
    lost: int | None = None

    @property
    def seconds(self) -> float | None:
        return None if self.ended is None else max(0.0, self.ended - self.started)
