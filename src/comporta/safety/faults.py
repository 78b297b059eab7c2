"""The rules by name: what each finds, what that does to users, and the safe way to write it."""

from __future__ import annotations

from msgspec import Struct

from comporta.model.migrations import Harm


class Fault(Struct, frozen=True):
    rule: str
    harm: Harm
    message: str
    remedy: str


def _breaks(rule: str, message: str, remedy: str) -> Fault:
    return Fault(rule, Harm.BREAKS, message, remedy)


def _blocks(rule: str, message: str, remedy: str) -> Fault:
    return Fault(rule, Harm.BLOCKS, message, remedy)


def _unread(rule: str, message: str, remedy: str) -> Fault:
    return Fault(rule, Harm.UNREAD, message, remedy)


LATER = "move it to a migration of its own with `-- comporta: contract`"
OLD_WRITES = f"let the release that obeys it serve first, then {LATER}"

DROP = _breaks("drop", "the earlier release may still use what is dropped", f"stop using it, then {LATER}")
DROP_COLUMN = _breaks(
    "drop-column", "the earlier release may still read or write this column", f"stop using it, then {LATER}"
)
DROP_CONSTRAINT = _breaks("drop-constraint", "the earlier release may rely on what the constraint forbids", LATER)
DROP_DEFAULT = _breaks("drop-default", "the earlier release inserts rows without this column", LATER)
DROP_NOT_NULL = _breaks("drop-not-null", "the earlier release may not expect NULL in this column", LATER)
SET_DEFAULT = _breaks(
    "set-default",
    "rows that the earlier release inserts get another value than it expects",
    f"set the default together with adding the column, or {LATER}",
)
RENAME = _breaks(
    "rename",
    "the earlier release still uses the old name",
    f"add the new one, write both, copy the data, let the new release read it; {LATER} that drops the old one",
)
CHANGE_TYPE = _breaks(
    "change-type",
    "the table is rewritten under an exclusive lock, and the earlier release expects the old type",
    f"add a column of the new type, write both, copy the data in batches; {LATER} that drops the old one",
)
REWRITE_TYPE = _blocks(
    "rewrite",
    "changing a type rewrites the table under an exclusive lock",
    "add a column of the new type and copy the data in batches; or say `-- comporta: safe because` it needs no rewrite",
)
REQUIRED_COLUMN = _breaks(
    "required-column",
    "the earlier release inserts rows without this column, which it may not leave empty",
    "give it a constant DEFAULT, or let it be NULL until the earlier release is gone",
)
SET_NOT_NULL = _breaks("set-not-null", "the earlier release may still write NULL", OLD_WRITES)
SCAN_NOT_NULL = _blocks(
    "scan",
    "SET NOT NULL reads the whole table under an exclusive lock",
    "ADD CONSTRAINT … CHECK (… IS NOT NULL) NOT VALID, VALIDATE it in the next migration; then SET NOT NULL reads "
    "nothing: say `-- comporta: safe because` that constraint is valid",
)
NEW_CONSTRAINT = _breaks("new-constraint", "the earlier release may write rows that it forbids", OLD_WRITES)
VALIDATING = _blocks(
    "validating",
    "the constraint is checked against the whole table under a lock that blocks writes",
    "add it with NOT VALID, and VALIDATE CONSTRAINT in the next migration",
)
INDEXING_CONSTRAINT = _blocks(
    "indexing",
    "its index is built under a lock that blocks reads and writes",
    "CREATE UNIQUE INDEX CONCURRENTLY in a migration of its own, then ADD CONSTRAINT … USING INDEX",
)
UNIQUE_INDEX = _breaks("unique-index", "the earlier release may write rows that it forbids", OLD_WRITES)
INDEX_BLOCKS = _blocks(
    "index-blocks-writes",
    "building the index blocks every write to the table until it is done",
    "CREATE INDEX CONCURRENTLY, in a migration of its own",
)
DROP_INDEX_BLOCKS = _blocks(
    "drop-index-blocks",
    "dropping an index takes an exclusive lock on its table",
    "DROP INDEX CONCURRENTLY, in a migration of its own",
)
NOT_ALONE = _blocks(
    "not-alone",
    "it cannot run inside a transaction, so it can be neither undone nor resumed together with others",
    "give it a migration of its own, with nothing beside it",
)
UNNAMED_INDEX = _unread(
    "unnamed-index", "after a crash nobody could tell its index from others", "give the index a name"
)
REWRITE_COLUMN = _blocks(
    "rewrite",
    "the table is rewritten under an exclusive lock: this column has a value that differs by row",
    "add the column without it, SET DEFAULT in the same migration, and fill the rows that are there in batches",
)
CUSTOM_TYPE = _blocks(
    "custom-type",
    "if this type is a domain with a constraint, the table is rewritten under an exclusive lock",
    "use a built-in type, or say `-- comporta: safe because` it is an enum",
)
ALL_ROWS = _blocks(
    "all-rows",
    "it may lock every row of the table until the migration ends",
    "do it in batches outside of migrations; or bound it by keys: WHERE id BETWEEN … AND …",
)
DELETES = _breaks("delete", "the earlier release may still need these rows, and no undo brings them back", LATER)
TRUNCATES = _breaks("truncate", "the earlier release loses its data, and no undo brings it back", LATER)
CHANGES_ALL = _breaks(
    "update-all", "every row changes under the earlier release", "bound it by keys: WHERE id BETWEEN … AND …"
)
REPLACES = _breaks(
    "replace",
    "the earlier release gets something else than it was written for",
    "create it under a new name, and drop the old one later",
)
TRIGGER = _breaks(
    "trigger",
    "it acts on every write of the earlier release as well",
    "say `-- comporta: safe because` what it does to those writes is harmless",
)
REVOKES = _breaks("revoke", "the earlier release may need this right", LATER)
ROW_SECURITY = _breaks("row-security", "the earlier release may see fewer rows, or none", LATER)
PARTITION = _blocks(
    "partition",
    "it takes an exclusive lock on the parent table, and may read a whole partition",
    "add a CHECK constraint that proves the bounds first; then say `-- comporta: safe because` it is there",
)
EXCLUSIVE = _blocks(
    "exclusive-lock",
    "it takes a lock that blocks others for as long as it runs",
    "do it in a maintenance window, outside of migrations",
)
RESETS_LIMITS = _blocks(
    "settings",
    "it may switch off the limits that keep migrations from blocking users",
    "leave it out: comporta sets lock_timeout and statement_timeout",
)
TRANSACTION = _unread(
    "transaction",
    "a migration that ends its own transaction can be half applied",
    "leave BEGIN and COMMIT out: each migration is a transaction already",
)
DYNAMIC = _unread("dynamic-sql", "what it executes is known only when it runs", "write the statements themselves")
CANNOT_READ = _unread(
    "cannot-read", "no rule knows this statement, or this form of it", "say `-- comporta: safe because` what it does"
)
NO_SQL = _unread(
    "no-sql",
    "its SQL is known only when it runs",
    "use a migrator that tells the SQL beforehand, or declare it safe there, with the reason",
)
NO_REASON = _unread(
    "no-reason", "an annotation without a reason counts for nothing", "write `-- comporta: safe because REASON`"
)
OUT_OF_ORDER = _breaks(
    "order",
    "it stands after a migration that waits for the watch window, and could only be applied together with it",
    "put migrations with `-- comporta: contract` last, or into a later release",
)
