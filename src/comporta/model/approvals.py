"""What a deployment wants before it begins: the consent of others."""

from __future__ import annotations

from comporta.model.journal import Holder
from comporta.model.values import Value


class Approval(Value, frozen=True):
    """Attributes:
    wanted: how many people, other than the one who asks, must approve it.
    until: when it is given up, in seconds since the epoch.
    holder: the process that waits.
    artifact: the identity of what is approved.
    by: who approved it.
    """

    wanted: int
    until: float
    holder: Holder
    artifact: str
    by: tuple[str, ...] = ()
