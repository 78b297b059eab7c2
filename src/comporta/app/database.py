"""The schema of the database: where it is, what a release would change, and whether that is safe. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from comporta.app.context import Context
from comporta.app.observing import observe
from comporta.model.errors import UsageError
from comporta.model.migrations import Assessment, Dialect, Hazard, Migration, SchemaState, pending
from comporta.model.release import Artifact
from comporta.ports.migrator import Migrator


class Schema(Struct, frozen=True):
    """Where a database is, beside a release. `state`: None where the database was not asked."""

    version: str
    dialect: Dialect
    migrations: tuple[Migration, ...]
    state: SchemaState | None
    pending: tuple[Migration, ...]


class Checked(Struct, frozen=True):
    """The migrations that were read, and what was found."""

    schema: Schema
    assessments: tuple[Assessment, ...]

    @property
    def stopping(self) -> tuple[Hazard, ...]:
        return tuple(hazard for assessment in self.assessments for hazard in assessment.stopping)


async def schema(ctx: Context, version: str | None) -> Schema:
    """What the database has, and what it lacks of a release (None: the one that serves).

    Raises:
        UsageError: the config names no migrator, or nothing serves.
        MigrationFailed: the migrations cannot be read, or the database cannot be asked.
    """
    port = migrator(ctx)
    artifact = await _artifact(ctx, version)
    brought = await port.migrations(artifact)
    state = await port.current(artifact)
    return Schema(artifact.version, port.dialect, brought, state, pending(brought, state))


async def check(ctx: Context, version: str, *, offline: bool = False) -> Checked:
    """Read what a release would change.

    Args:
        offline: all its migrations, also those that are applied, and no database is asked.

    Raises:
        as `schema`.
    """
    port = migrator(ctx)
    if offline:
        artifact = await _artifact(ctx, version)
        brought = await port.migrations(artifact)
        found = Schema(artifact.version, port.dialect, brought, None, brought)
    else:
        found = await schema(ctx, version)
    return Checked(found, await assessed(ctx, found.pending))


async def assessed(ctx: Context, migrations: Sequence[Migration], *, lint: bool = True) -> tuple[Assessment, ...]:
    """The migrations as two readers see them: our rules, and the linter where it reads this SQL.

    Args:
        lint: False: our rules alone, where only the phases are asked for.
    """
    # Imported here: it takes a quarter of a second, which only those pay who read SQL.
    from comporta.safety.assessing import assess

    dialect, linter = migrator(ctx).dialect, ctx.ports.linter
    second: dict[str, tuple[Hazard, ...]] = {}
    if lint and linter is not None and linter.reads(dialect):
        for one in migrations:
            if one.scripts:
                second[one.revision] = await linter.lint(one.file, one.scripts)
    return assess(migrations, dialect, second)


def migrator(ctx: Context) -> Migrator:
    if ctx.ports.migrator is None:
        raise UsageError(
            f"cannot look at the database of {ctx.environment}: the config names none, or no migrator",
            next="add `database: {url: …, migrations: {sql: {}}}` to comporta.yml",
        )
    return ctx.ports.migrator


async def _artifact(ctx: Context, version: str | None) -> Artifact:
    if version is not None:
        return await ctx.ports.runtime.resolve(version)
    live = (await observe(ctx)).live
    if live is None or live.occupant is None:
        raise UsageError(
            "cannot tell whose migrations are meant: nothing serves", next="`comporta database status VERSION`"
        )
    return live.occupant.artifact
