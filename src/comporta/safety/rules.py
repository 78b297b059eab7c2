"""One statement → its faults, over sqlglot's tree. What no rule knows to be safe is a fault."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from comporta.model.migrations import Dialect
from comporta.safety import faults
from comporta.safety.faults import Fault
from comporta.safety.rows import row_faults
from comporta.safety.splitting import GRAMMARS, Statement
from comporta.safety.tables import alter_faults, table_faults

# sqlglot warns about what it cannot parse; here that is a result.
logging.getLogger("sqlglot").addHandler(logging.NullHandler())
logging.getLogger("sqlglot").propagate = False

COMMANDS: tuple[tuple[tuple[str, ...], tuple[Fault, ...]], ...] = (
    (("ALTER", "TYPE", "*", "ADD", "VALUE"), ()),
    (("ALTER", "TABLE", "*", "VALIDATE", "CONSTRAINT"), ()),
    (("CREATE", "EXTENSION"), ()),
    (("CREATE", "DOMAIN"), ()),
    (("ANALYZE",), ()),
    (("ALTER", "TYPE", "*", "RENAME"), (faults.RENAME,)),
    (("ALTER", "INDEX", "*", "RENAME"), (faults.RENAME,)),
    (("ALTER", "SEQUENCE", "*", "RENAME"), (faults.RENAME,)),
    (("ALTER", "VIEW"), (faults.REPLACES,)),
    (("ALTER", "TABLE", "*", "ENABLE", "ROW"), (faults.ROW_SECURITY,)),
    (("ALTER", "TABLE", "*", "FORCE", "ROW"), (faults.ROW_SECURITY,)),
    (("CREATE", "POLICY"), (faults.ROW_SECURITY,)),
    (("ALTER", "TABLE", "*", "ATTACH", "PARTITION"), (faults.PARTITION,)),
    (("ALTER", "TABLE", "*", "DETACH", "PARTITION"), (faults.DROP,)),
    (("ALTER", "TABLE", "*", "SET", "SCHEMA"), (faults.RENAME,)),
    (("ALTER", "TABLE", "*", "SET", "LOGGED"), (faults.EXCLUSIVE,)),
    (("ALTER", "TABLE", "*", "SET", "UNLOGGED"), (faults.EXCLUSIVE,)),
    (("CREATE", "TRIGGER"), (faults.TRIGGER,)),
    (("CREATE", "RULE"), (faults.TRIGGER,)),
    (("CREATE", "EVENT", "TRIGGER"), (faults.TRIGGER,)),
    (("LOCK",), (faults.EXCLUSIVE,)),
    (("VACUUM",), (faults.EXCLUSIVE,)),
    (("CLUSTER",), (faults.EXCLUSIVE,)),
    (("REINDEX",), (faults.EXCLUSIVE,)),
    (("REFRESH",), (faults.EXCLUSIVE,)),
    (("DO",), (faults.DYNAMIC,)),
    (("EXECUTE",), (faults.DYNAMIC,)),
    (("CALL",), (faults.DYNAMIC,)),
    (("PREPARE",), (faults.DYNAMIC,)),
    (("SET",), (faults.RESETS_LIMITS,)),
    (("RESET",), (faults.RESETS_LIMITS,)),
    (("PRAGMA",), (faults.RESETS_LIMITS,)),
    (("REVOKE",), (faults.REVOKES,)),
    (("TRUNCATE",), (faults.TRUNCATES, faults.EXCLUSIVE)),
    (("BEGIN",), (faults.TRANSACTION,)),
    (("START",), (faults.TRANSACTION,)),
    (("COMMIT",), (faults.TRANSACTION,)),
    (("END",), (faults.TRANSACTION,)),
    (("ROLLBACK",), (faults.TRANSACTION,)),
    (("ABORT",), (faults.TRANSACTION,)),
    (("SAVEPOINT",), (faults.TRANSACTION,)),
    (("RELEASE",), (faults.TRANSACTION,)),
)
"""How statements begin that need no tree; `*` is a name, perhaps with a schema. The first that fits counts."""

MADE_SAFELY = {"SCHEMA", "SEQUENCE", "TYPE"}


def faults_of(statement: Statement, dialect: Dialect, made: set[str]) -> list[Fault]:
    """What is not safe about a statement.

    Args:
        made: names of the tables that the same migration has made: nobody uses them yet. What this one makes is added.
    """
    for words, found in COMMANDS:
        if _fits(statement.words, words):
            # Of several actions the pattern has seen the first one only.
            has_more = statement.begins("ALTER", "TABLE") and "," in statement.words
            return [*found, faults.CANNOT_READ] if has_more else list(found)
    try:
        tree = parse_one(statement.sql, dialect=GRAMMARS[dialect])
    except (SqlglotError, RecursionError):
        return [faults.CANNOT_READ]
    if rule := RULES.get(type(tree)):
        return list(dict.fromkeys(rule(tree, dialect, made)))
    return [faults.DROP if statement.begins("DROP") else faults.CANNOT_READ]


def _fits(words: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """A name may be `schema.name`, and IF EXISTS and ONLY may stand before it."""
    at = 0
    for wanted in pattern:
        if wanted == "*":
            while words[at : at + 1] and words[at] in ("IF", "EXISTS", "ONLY"):
                at += 1
            at += 3 if words[at + 1 : at + 2] == (".",) else 1
        elif words[at : at + 1] == (wanted,):
            at += 1
        else:
            return False
    return True


def _create(tree: exp.Create, dialect: Dialect, made: set[str]) -> Iterator[Fault]:
    kind = str(tree.args.get("kind")).upper()
    if tree.args.get("replace"):
        yield faults.REPLACES
    if kind == "TABLE":
        yield from table_faults(tree, made)
    elif kind == "INDEX":
        yield from _index(tree, dialect, made)
    elif kind in ("VIEW", "FUNCTION", "PROCEDURE"):
        yield from _only_reads(tree)
    elif kind == "TRIGGER":
        yield faults.TRIGGER
    elif kind not in MADE_SAFELY:
        yield faults.CANNOT_READ


def _index(tree: exp.Create, dialect: Dialect, made: set[str]) -> Iterator[Fault]:
    table = tree.find(exp.Table)
    if table is None or tree.this.args.get("table") is None:
        yield faults.CANNOT_READ
        return
    concurrently = tree.args.get("concurrently")
    if concurrently and not tree.this.this:
        yield faults.UNNAMED_INDEX
    if table.sql() in made:
        return
    if tree.args.get("unique"):
        yield faults.UNIQUE_INDEX
    if not concurrently and dialect is Dialect.POSTGRESQL:
        yield faults.INDEX_BLOCKS


def _only_reads(tree: exp.Create) -> Iterator[Fault]:
    if isinstance(tree.expression, exp.Query):
        yield from row_faults(tree.expression)


def _drop(tree: exp.Drop, dialect: Dialect, made: set[str]) -> Iterator[Fault]:
    yield faults.DROP
    is_index = str(tree.args.get("kind")).upper() == "INDEX"
    if is_index and not tree.args.get("concurrently") and dialect is Dialect.POSTGRESQL:
        yield faults.DROP_INDEX_BLOCKS


def _alter(tree: exp.Alter, dialect: Dialect, made: set[str]) -> Iterator[Fault]:
    if str(tree.args.get("kind")).upper() != "TABLE":
        yield faults.CANNOT_READ
        return
    yield from alter_faults(tree, dialect, made)


def _rows(tree: exp.Expr, dialect: Dialect, made: set[str]) -> Iterator[Fault]:
    yield from row_faults(tree, made)


def _nothing(tree: exp.Expr, dialect: Dialect, made: set[str]) -> Iterator[Fault]:
    yield from ()


RULES: dict[type[exp.Expr], Callable[..., Iterator[Fault]]] = {
    exp.Create: _create,
    exp.Drop: _drop,
    exp.Alter: _alter,
    exp.Insert: _rows,
    exp.Update: _rows,
    exp.Delete: _rows,
    exp.Select: _rows,
    exp.Comment: _nothing,
    exp.Grant: _nothing,
    exp.Analyze: _nothing,
}
"""Statement → its rule. One that is missing here cannot be read."""
