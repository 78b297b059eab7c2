"""Is the journal as it was written? Its chain of hashes shows any change, except that its end was cut off."""

from __future__ import annotations

from msgspec import Struct

from comporta.model.journal import Kind, Record
from comporta.ports.journal import Journal


class Audit(Struct, frozen=True):
    """What was found out about a journal.

    Attributes:
        oldest, newest: its first and last record; None where it is empty.
        broken: the first record that does not follow from the one before it; None if all do.
        lost_head: the hash that was known before and that no record has; empty if none was given, or one has it.
    """

    oldest: Record | None
    newest: Record | None
    broken: Record | None
    lost_head: str

    @property
    def whole(self) -> bool:
        return self.broken is None and not self.lost_head

    @property
    def records(self) -> int:
        return self.newest.sequence if self.newest else 0


async def audit(journal: Journal, known_head: str = "") -> Audit:
    """Check every record.

    Args:
        known_head: the hash of a record, or its beginning, that was noted outside of this machine.
    """
    broken = await journal.verify()
    # What was changed may not be readable at all: then nothing more is asked of it.
    if broken is not None:
        return Audit(oldest=None, newest=None, broken=broken, lost_head="")
    newest = await journal.find(kinds=tuple(Kind), limit=1)
    oldest = await journal.find(kinds=tuple(Kind), before=2)
    lost = known_head if known_head and await journal.hashed(known_head) is None else ""
    return Audit(oldest[0] if oldest else None, newest[0] if newest else None, None, lost)
