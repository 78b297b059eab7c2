"""CREATE TABLE and ALTER TABLE: what each action does to who uses the table now."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from comporta.model.migrations import Dialect
from comporta.safety import faults
from comporta.safety.faults import Fault
from comporta.safety.rows import row_faults

SERIALS = {
    exp.DType.SERIAL, exp.DType.BIGSERIAL, exp.DType.SMALLSERIAL,
}  # fmt: skip
STABLE = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.Boolean, exp.Null, exp.Literal)
"""Defaults that PostgreSQL evaluates once, not for each row."""
FILLED = (exp.ComputedColumnConstraint, exp.GeneratedAsIdentityColumnConstraint, exp.GeneratedAsRowColumnConstraint)
HARMLESS = (
    exp.CollateColumnConstraint, exp.CommentColumnConstraint, exp.DefaultColumnConstraint, exp.NotNullColumnConstraint,
)  # fmt: skip
PLAIN_TABLE = {"TemporaryProperty", "UnloggedProperty", "PartitionedByProperty", "LikeProperty"}


def table_faults(tree: exp.Create, made: set[str]) -> Iterator[Fault]:
    """A new table harms nobody, unless it becomes part of another."""
    table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    for found in tree.args["properties"].expressions if tree.args.get("properties") else ():
        if isinstance(found, exp.PartitionedOfProperty):
            yield faults.PARTITION
        elif type(found).__name__ not in PLAIN_TABLE:
            yield faults.CANNOT_READ
    if tree.expression is not None:
        yield from row_faults(tree.expression)
    if not tree.args.get("exists"):
        made.add(table.sql())


def alter_faults(tree: exp.Alter, dialect: Dialect, made: set[str]) -> Iterator[Fault]:
    if tree.this.sql() in made:
        return
    added = {action.name for action in tree.args["actions"] if isinstance(action, exp.ColumnDef)}
    for action in tree.args["actions"]:
        if isinstance(action, exp.ColumnDef):
            yield from _add_column(action, dialect)
        elif isinstance(action, exp.AlterColumn):
            yield from _alter_column(action, added)
        elif isinstance(action, exp.AddConstraint):
            yield from _add_constraint(
                action, valid=not (tree.args.get("not_valid") and len(tree.args["actions"]) == 1)
            )
        elif isinstance(action, exp.Drop):
            yield faults.DROP_COLUMN if str(action.args.get("kind")).upper() == "COLUMN" else faults.DROP_CONSTRAINT
        elif isinstance(action, exp.AlterRename | exp.RenameColumn):
            yield faults.RENAME
        else:
            yield faults.CANNOT_READ


def _add_column(column: exp.ColumnDef, dialect: Dialect) -> Iterator[Fault]:
    kinds = [constraint.args.get("kind") for constraint in column.args.get("constraints") or ()]
    default = next((kind.this for kind in kinds if isinstance(kind, exp.DefaultColumnConstraint)), None)
    required = any(isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null") for kind in kinds)
    if required and (default is None or isinstance(default, exp.Null)):
        yield faults.REQUIRED_COLUMN
    if default is not None and not _stable(default):
        yield faults.REWRITE_COLUMN
    yield from _column_type(column.args.get("kind"), dialect)
    for kind in kinds:
        yield from _column_constraint(kind)


def _column_type(kind: exp.DataType | None, dialect: Dialect) -> Iterator[Fault]:
    if kind is None:
        yield from () if dialect is Dialect.SQLITE else (faults.CANNOT_READ,)
    elif kind.this in SERIALS:
        yield faults.REWRITE_COLUMN
    elif dialect is Dialect.POSTGRESQL and any(
        part.this is exp.DType.USERDEFINED for part in kind.find_all(exp.DataType)
    ):
        yield faults.CUSTOM_TYPE


def _column_constraint(kind: exp.Expr | None) -> Iterator[Fault]:
    if isinstance(kind, FILLED):
        yield faults.REWRITE_COLUMN
    elif isinstance(kind, exp.UniqueColumnConstraint | exp.PrimaryKeyColumnConstraint):
        yield faults.NEW_CONSTRAINT
        yield faults.INDEXING_CONSTRAINT
    elif isinstance(kind, exp.Reference | exp.CheckColumnConstraint):
        yield faults.NEW_CONSTRAINT
        yield faults.VALIDATING
    elif not isinstance(kind, HARMLESS):
        yield faults.CANNOT_READ


def _stable(default: exp.Expr) -> bool:
    if isinstance(default, exp.Cast | exp.Neg | exp.Paren):
        return _stable(default.this)
    if isinstance(default, exp.Array):
        return all(_stable(item) for item in default.expressions)
    return isinstance(default, STABLE)


def _alter_column(action: exp.AlterColumn, added: set[str]) -> Iterator[Fault]:
    if action.args.get("dtype") is not None:
        yield faults.CHANGE_TYPE
        yield faults.REWRITE_TYPE
    elif action.args.get("allow_null") is False:
        yield faults.SET_NOT_NULL
        yield faults.SCAN_NOT_NULL
    elif action.args.get("allow_null"):
        yield faults.DROP_NOT_NULL
    elif action.args.get("drop"):
        yield faults.DROP_DEFAULT
    elif action.args.get("default") is not None:
        if action.name not in added:
            yield faults.SET_DEFAULT
    else:
        yield faults.CANNOT_READ


def _add_constraint(action: exp.AddConstraint, *, valid: bool) -> Iterator[Fault]:
    yield faults.NEW_CONSTRAINT
    indexed = (exp.UniqueColumnConstraint, exp.PrimaryKey, exp.PrimaryKeyColumnConstraint)
    if any(True for _ in action.find_all(*indexed)):
        yield faults.INDEXING_CONSTRAINT
    elif valid:
        yield faults.VALIDATING
