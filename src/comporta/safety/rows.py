"""Statements that read and write rows: INSERT, UPDATE, DELETE, SELECT, and each inside another."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from comporta.safety import faults
from comporta.safety.faults import Fault

HARMLESS = {"currval", "nextval", "pg_typeof", "to_regclass", "sqlite_version"}
"""Functions without a node of sqlglot's own, which change nothing."""


def row_faults(tree: exp.Expr, made: set[str] | frozenset[str] = frozenset()) -> Iterator[Fault]:
    for node in tree.walk():
        if isinstance(node, exp.Delete):
            yield from _delete(node, made)
        elif isinstance(node, exp.Update):
            yield from _update(node, made)
        elif isinstance(node, exp.Insert):
            yield from _insert(node)
        elif isinstance(node, exp.Lock):
            yield faults.EXCLUSIVE
        elif isinstance(node, exp.Into | exp.Command) or (
            isinstance(node, exp.Anonymous) and node.name.lower() not in HARMLESS
        ):
            yield faults.CANNOT_READ


def _is_unknown_function(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() not in HARMLESS


def _insert(node: exp.Insert) -> Iterator[Fault]:
    """Rows that are there change only where they are named one by one."""
    conflict = node.args.get("conflict")
    replaces = node.args.get("alternative") == "REPLACE" or node.args.get("overwrite")
    changes = replaces or (conflict is not None and bool(conflict.expressions))
    if changes and not isinstance(node.expression, exp.Values):
        yield faults.ALL_ROWS


def _delete(node: exp.Delete, made: set[str] | frozenset[str]) -> Iterator[Fault]:
    if node.this is not None and node.this.sql() in made:
        return
    yield faults.DELETES
    if not bounded(node.args.get("where")):
        yield faults.ALL_ROWS


def _update(node: exp.Update, made: set[str] | frozenset[str]) -> Iterator[Fault]:
    where = node.args.get("where")
    if node.this.sql() in made or bounded(where):
        return
    if where is None:
        yield faults.CHANGES_ALL
    yield faults.ALL_ROWS


def bounded(where: exp.Where | None) -> bool:
    """The condition picks rows by comparing a column with given values, or by a query that has a limit."""
    return where is not None and _bounds(where.this)


def _bounds(condition: exp.Expr) -> bool:
    condition = condition.unnest()
    if isinstance(condition, exp.And):
        return _bounds(condition.left) or _bounds(condition.right)
    if isinstance(condition, exp.Or):
        return _bounds(condition.left) and _bounds(condition.right)
    if isinstance(condition, exp.In):
        query = condition.args.get("query")
        if query is not None:
            return query.unnest().args.get("limit") is not None
        return _is_column(condition.this) and all(_given(value) for value in condition.expressions)
    if isinstance(condition, exp.Between):
        return _is_column(condition.this) and _given(condition.args["low"]) and _given(condition.args["high"])
    if isinstance(condition, exp.EQ):
        left, right = condition.left, condition.right
        return (_is_column(left) and _given(right)) or (_is_column(right) and _given(left))
    return False


def _is_column(node: exp.Expr) -> bool:
    return isinstance(node, exp.Column)


def _given(node: exp.Expr) -> bool:
    """A literal, perhaps negative or cast."""
    if isinstance(node, exp.Cast | exp.Neg | exp.Paren):
        return _given(node.this)
    return isinstance(node, exp.Literal)
