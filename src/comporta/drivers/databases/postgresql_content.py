"""What a PostgreSQL database holds: rows in each table, and every definition, as far as pg_dump takes them along."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from comporta.drivers.databases.schema_text import digests
from comporta.model.backups import Description

Connection = psycopg.AsyncConnection[tuple[Any, ...]]

OURS: LiteralString = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
FOREIGN: LiteralString = "NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype = 'e' AND e.objid = "
"""Not made by an extension; the object's oid and `)` follow."""
RELATION: LiteralString = f"{OURS} AND {FOREIGN} c.oid)"
NAME: LiteralString = "format('%I.%I', n.nspname, c.relname)"

TABLES: LiteralString = f"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND {RELATION} ORDER BY 1, 2
"""
DEFINITIONS: tuple[LiteralString, ...] = (
    f"""
    SELECT 'relation', {NAME}, concat_ws(' ', c.relkind, c.relpersistence, c.relrowsecurity,
        CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END, pg_get_expr(c.relpartbound, c.oid),
        CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {RELATION}
    """,
    f"""
    SELECT 'column', {NAME}, concat_ws(' ', row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname,
        format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
        pg_get_expr(d.adbin, d.adrelid))
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND {RELATION}
    """,
    f"""
    SELECT 'constraint', format('%I.%I %s', n.nspname, k.conname, k.conrelid::regclass), pg_get_constraintdef(k.oid)
    FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace WHERE {OURS}
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid IN (k.conrelid, k.contypid) AND e.deptype = 'e')
    """,
    f"""
    SELECT 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND (i.indisvalid OR c.relkind = 'p') AND {RELATION}
    """,
    f"""
    SELECT 'trigger', format('%I on %s', t.tgname, {NAME}), concat_ws(' ', t.tgenabled, pg_get_triggerdef(t.oid))
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND {RELATION}
    """,
    f"""
    SELECT 'policy', format('%I on %s', p.polname, {NAME}),
        concat_ws(' ', p.polcmd, p.polpermissive, pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid))
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {RELATION}
    """,
    f"""
    SELECT 'function', format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
        CASE WHEN p.prokind = 'a' THEN '' ELSE pg_get_functiondef(p.oid) END
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE {OURS} AND {FOREIGN} p.oid)
    """,
    f"""
    SELECT 'type', format('%I.%I', n.nspname, t.typname), concat_ws(' ', t.typtype,
        CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END, t.typnotnull, t.typdefault,
        (SELECT string_agg(quote_literal(l.enumlabel), ',' ORDER BY l.enumsortorder)
         FROM pg_enum l WHERE l.enumtypid = t.oid))
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typtype IN ('d', 'e') AND {OURS} AND {FOREIGN} t.oid)
    """,
    f"""
    SELECT 'sequence', {NAME}, concat_ws(' ', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin,
        s.seqmax, s.seqcycle)
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {RELATION}
    """,
    "SELECT 'extension', extname, '' FROM pg_extension",
    f"SELECT 'schema', n.nspname, '' FROM pg_namespace n WHERE {OURS} AND n.nspname <> 'public'",
)
REVISIONS: tuple[tuple[str, LiteralString], ...] = (
    ("comporta_migrations", "SELECT revision FROM comporta_migrations WHERE finished ORDER BY position DESC LIMIT 1"),
    ("alembic_version", "SELECT string_agg(version_num, ',' ORDER BY version_num) FROM alembic_version"),
)
"""Version table → what to ask it."""


async def description(connection: Connection) -> Description:
    """Everything of the connection's snapshot."""
    revision = await _revision(connection)
    await connection.execute("SELECT set_config('search_path', '', false), set_config('row_security', 'off', false)")
    found: list[tuple[str, ...]] = []
    for query in DEFINITIONS:
        found += await (await connection.execute(query)).fetchall()
    size = await (await connection.execute("SELECT pg_database_size(current_database())")).fetchone()
    return Description(
        version=connection.info.parameter_status("server_version") or "",
        schema=digests(found),
        rows=await _rows(connection),
        revision=revision,
        size=size[0] if size else 0,
    )


async def _rows(connection: Connection) -> dict[str, int]:
    counts: dict[str, int] = {}
    for schema, table in await (await connection.execute(TABLES)).fetchall():
        query = sql.SQL("SELECT count(*) FROM ONLY {}").format(sql.Identifier(schema, table))
        row = await (await connection.execute(query)).fetchone()
        counts[table if schema == "public" else f"{schema}.{table}"] = row[0] if row else 0
    return counts


async def _revision(connection: Connection) -> str | None:
    for table, query in REVISIONS:
        row = await (await connection.execute("SELECT to_regclass(%s)", (table,))).fetchone()
        if row and row[0]:
            found = await (await connection.execute(query)).fetchone()
            return str(found[0]) if found and found[0] else None
    return None
