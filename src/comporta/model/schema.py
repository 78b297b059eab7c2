"""The database beside the release that is about to serve: what has to be applied for it, or undone."""

from __future__ import annotations

from comporta.model.migrations import Migration, Phase
from comporta.model.release import Artifact
from comporta.model.values import Value


class Undoing(Value, frozen=True):
    """What an earlier release cannot live with.

    Attributes:
        artifact: of the release that brought it, and knows the way back.
        migrations: the newest first.
        to: the revision in front of them; None: the empty schema.
        phases: of the migrations, one each.
        backup: the one to restore, where a migration has no way back and that was agreed to; empty: they are undone.
    """

    artifact: Artifact
    migrations: tuple[Migration, ...]
    to: str | None
    phases: tuple[Phase, ...]
    backup: str = ""

    @property
    def breaks_live(self) -> bool:
        """Between the way back and the switch what serves may fail, as it needs some of it, or write what gets lost."""
        return bool(self.backup) or Phase.EXPAND in self.phases

    @property
    def final(self) -> tuple[Migration, ...]:
        """Those without a way back."""
        return tuple(migration for migration in self.migrations if not migration.reversible)


class Schema(Value, frozen=True):
    """Where the database is, beside the release that is about to serve.

    Attributes:
        revision: the newest that is applied; None: none is.
        expand: what has to be applied before the switch, in order.
        contract: what waits until its watch window is over, in order.
        undoing: what has to be undone before it can serve; None: nothing.
    """

    revision: str | None = None
    expand: tuple[Migration, ...] = ()
    contract: tuple[Migration, ...] = ()
    undoing: Undoing | None = None
