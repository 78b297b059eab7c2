"""Migrations → assessments: the phase each declares, what is dangerous in it, and what a reason waives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from comporta.model.errors import MigrationFailed
from comporta.model.migrations import Assessment, Dialect, Hazard, Migration, Phase
from comporta.safety import faults
from comporta.safety.annotations import read
from comporta.safety.faults import Fault
from comporta.safety.rules import faults_of
from comporta.safety.splitting import Statement, split


def assess(
    migrations: Sequence[Migration], dialect: Dialect, second: Mapping[str, Iterable[Hazard]] | None = None
) -> tuple[Assessment, ...]:
    """Each migration on its own, and their order.

    Args:
        second: what another reader found, by revision.
    """
    found = [_assess(migration, dialect, tuple((second or {}).get(migration.revision, ()))) for migration in migrations]
    waiting = False
    for index, one in enumerate(found):
        if one.phase is Phase.CONTRACT:
            waiting = True
        elif waiting:
            late = _hazard(one.migration.file, 1, faults.OUT_OF_ORDER)
            found[index] = Assessment(
                migration=one.migration, phase=one.phase, hazards=(late, *one.hazards), waived=one.waived
            )
    return tuple(found)


def _assess(migration: Migration, dialect: Dialect, second: tuple[Hazard, ...]) -> Assessment:
    if migration.scripts is None:
        hazards = (_hazard(migration.file, 1, faults.NO_SQL),)
        return Assessment(migration=migration, phase=Phase.EXPAND, hazards=hazards)
    try:
        statements = [statement for script in migration.scripts for statement in split(script, dialect)]
    except MigrationFailed as error:
        line = migration.scripts[0].line
        hazard = Hazard(
            file=migration.file, line=line, rule="cannot-read", harm=faults.CANNOT_READ.harm, message=error.message,
            remedy=error.next,
        )  # fmt: skip
        return Assessment(migration=migration, phase=Phase.EXPAND, hazards=(hazard,))
    return _read(migration, statements, dialect, second)


def _read(
    migration: Migration, statements: Sequence[Statement], dialect: Dialect, second: Sequence[Hazard]
) -> Assessment:
    phase, hazards, waived = Phase.EXPAND, list[Hazard](), list[Hazard]()
    made: set[str] = set()
    ends = [*(statement.line for statement in statements[1:]), None]
    for statement, end in zip(statements, ends, strict=False):
        notes = read(statement.comments)
        own = list(_of(migration, statement, dialect, made, alone=len(statements) == 1))
        # The other reader speaks up only where our rules are silent: two names for one thing help nobody.
        other = [] if own else [h for h in second if statement.line <= h.line and (end is None or h.line < end)]
        (waived if notes.reason else hazards).extend([*own, *other])
        hazards += [_hazard(migration.file, statement.line, faults.NO_REASON) for _ in notes.wrong]
        phase = Phase.CONTRACT if notes.contract else phase
    return Assessment(migration=migration, phase=phase, hazards=tuple(hazards), waived=tuple(waived))


def _of(
    migration: Migration, statement: Statement, dialect: Dialect, made: set[str], *, alone: bool
) -> Iterator[Hazard]:
    for fault in faults_of(statement, dialect, made):
        yield _hazard(migration.file, statement.line, fault)
    if not alone and dialect is Dialect.POSTGRESQL and not transactional(statement):
        yield _hazard(migration.file, statement.line, faults.NOT_ALONE)


def transactional(statement: Statement) -> bool:
    """Whether PostgreSQL runs it inside a transaction."""
    return not ("CONCURRENTLY" in statement.words[:5] or statement.begins("VACUUM"))


def _hazard(file: str, line: int, fault: Fault) -> Hazard:
    return Hazard(file=file, line=line, rule=fault.rule, harm=fault.harm, message=fault.message, remedy=fault.remedy)
