"""Migrations as values: what a release brings, what the database has, and what lies between them."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Sequence

from comporta.model.errors import MigrationFailed
from comporta.model.values import Value


class Dialect(enum.StrEnum):
    """The SQL of an engine."""

    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


class Phase(enum.StrEnum):
    """When a migration is applied: before the switch, or after the watch window, when no earlier release serves."""

    EXPAND = "expand"
    CONTRACT = "contract"


class Script(Value, frozen=True):
    """SQL as it stands in a file from `line` on."""

    sql: str
    line: int = 1


class Migration(Value, frozen=True):
    """One change of the schema.

    Attributes:
        revision: what the database remembers it by.
        file: where it is written, relative to the folder of the config.
        scripts: what upgrading executes; None where that cannot be known before it runs.
        reversible: it brings a way back.
    """

    revision: str
    title: str
    file: str
    scripts: tuple[Script, ...] | None
    reversible: bool

    @property
    def name(self) -> str:
        return f"{self.revision} ({self.title})" if self.title else self.revision


class SchemaState(Value, frozen=True):
    """What the database says of itself.

    Attributes:
        revision: the newest that is applied; None: none is.
        applied: all that are, as far as the release that was asked about knows them, oldest first.
        unfinished: one that was begun, cannot be undone by the engine, and did not end.
    """

    revision: str | None = None
    applied: tuple[str, ...] = ()
    unfinished: str | None = None


class Harm(enum.StrEnum):
    """What a statement would do to the users of the release that still serves."""

    BREAKS = "breaks"
    """The earlier release may fail, or lose what it needs."""
    BLOCKS = "blocks"
    """Requests wait for a lock, whichever release serves."""
    UNREAD = "unread"
    """Nobody can tell: what cannot be read is never safe."""


class Hazard(Value, frozen=True):
    """A statement that is not safe while requests are served, and the safe way to write it."""

    file: str
    line: int
    rule: str
    harm: Harm
    message: str
    remedy: str

    def stops(self, phase: Phase) -> bool:
        """Whether it must not be applied in this phase. What breaks the earlier release is right once that is gone."""
        return phase is Phase.EXPAND or self.harm is not Harm.BREAKS


class Assessment(Value, frozen=True):
    """A migration, the phase that it declares, and what was found in it. `waived`: by a reason written there."""

    migration: Migration
    phase: Phase
    hazards: tuple[Hazard, ...] = ()
    waived: tuple[Hazard, ...] = ()

    @property
    def stopping(self) -> tuple[Hazard, ...]:
        return tuple(hazard for hazard in self.hazards if hazard.stops(self.phase))


def before_switch(assessments: Sequence[Assessment]) -> tuple[Migration, ...]:
    """The migrations to apply before the switch: those in front of the first that waits for the watch window."""
    expanding = itertools.takewhile(lambda one: one.phase is Phase.EXPAND, assessments)
    return tuple(one.migration for one in expanding)


def pending(migrations: Sequence[Migration], state: SchemaState, to: str | None = None) -> tuple[Migration, ...]:
    """What upgrading to a revision (None: the release's newest) has to apply, in order. Empty: nothing to do.

    Raises:
        MigrationFailed: the release does not know that revision, or what the database has; or its order is another.
    """
    known = [migration.revision for migration in migrations]
    wanted = migrations if to is None else migrations[: _index(known, to) + 1]
    missing = tuple(migration for migration in wanted if migration.revision not in state.applied)
    if not missing:
        return ()
    if unknown := _unknown(known, state):
        raise MigrationFailed(
            f"cannot upgrade to {wanted[-1].name}: the database is at {unknown}, which this release does not know",
            next="bring the migrations of both releases into one order, and make a release with all of them",
        )
    overtaken = [r for r in known[known.index(missing[0].revision) :] if r in state.applied]
    if overtaken:
        raise MigrationFailed(
            f"cannot apply {missing[0].name}: {overtaken[-1]}, which comes after it, is applied already",
            next="give the migration a number after the applied ones",
        )
    return missing


def to_undo(migrations: Sequence[Migration], state: SchemaState, to: str | None) -> tuple[Migration, ...]:
    """What going back to a revision (None: before the first) has to undo, the newest first.

    Raises:
        MigrationFailed: one of them has no way back, or the release does not know it.
    """
    known = [migration.revision for migration in migrations]
    later = migrations if to is None else migrations[_index(known, to) + 1 :]
    undone = [m for m in reversed(later) if m.revision in state.applied or m.revision == state.unfinished]
    if unknown := _unknown(known, state):
        raise MigrationFailed(
            f"cannot go back to {to or 'an empty schema'}: the database is at {unknown}, "
            "which this release does not know",
            next="go back with the release that brought it",
        )
    if final := [migration.name for migration in undone if not migration.reversible]:
        raise MigrationFailed(
            f"cannot go back to {to or 'an empty schema'}: there is no way back from {', '.join(final)}",
            next="restore a backup, or write the way forward as a new migration",
        )
    return tuple(undone)


def _index(known: Sequence[str], revision: str) -> int:
    if revision not in known:
        raise MigrationFailed(
            f"cannot find the revision {revision} in the release",
            next=f"it has: {', '.join(known) or 'no migration at all'}",
        )
    return known.index(revision)


def _unknown(known: Sequence[str], state: SchemaState) -> str:
    has = [*state.applied, state.revision, state.unfinished]
    return ", ".join(dict.fromkeys(revision for revision in has if revision and revision not in known))
