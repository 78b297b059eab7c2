"""A new PostgreSQL database with the settings of another: what pg_dump of one database does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import dict_row

from comporta.drivers.databases.postgresql_content import Connection

OPTIONS: tuple[tuple[str, LiteralString], ...] = (
    ("encoding_name", "ENCODING"),
    ("datcollate", "LC_COLLATE"),
    ("datctype", "LC_CTYPE"),
    ("provider", "LOCALE_PROVIDER"),
    ("icu", "ICU_LOCALE"),
    ("builtin", "BUILTIN_LOCALE"),
)
PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}


async def like(admin: Connection, name: str) -> dict[str, Any] | None:
    """What a database is made with; None if it is not there."""
    query = """
        SELECT to_jsonb(d) || jsonb_build_object('encoding_name', pg_encoding_to_char(encoding),
            'owner', pg_get_userbyid(datdba), 'tablespace', spcname) AS facts
        FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace WHERE datname = %s
    """
    async with admin.cursor(row_factory=dict_row) as cursor:
        row = await (await cursor.execute(query, (name,))).fetchone()
    facts: dict[str, Any] | None = row["facts"] if row else None
    if facts is None:
        return None
    provider = PROVIDERS.get(facts.get("datlocprovider") or "")
    locale = facts.get("datlocale") or facts.get("daticulocale")
    return {**facts, "provider": provider, provider or "": locale}


async def create(admin: Connection, name: str, facts: dict[str, Any] | None) -> None:
    """Make it, empty: owner, locale, rights and settings are those of the real one, which keeps its own."""
    new = sql.Identifier(name)
    parts = [sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(new), *_options(facts or {})]
    await admin.execute(sql.SQL(" ").join(parts))
    if facts is not None:
        await _grant(admin, new, facts["datname"])
        await _set(admin, new, facts["datname"])


def _options(facts: dict[str, Any]) -> Iterator[sql.Composed]:
    for name, word in OPTIONS:
        if facts.get(name):
            yield sql.SQL(word + " {}").format(sql.Literal(facts[name]))
    if facts:
        yield sql.SQL("OWNER {}").format(sql.Identifier(facts["owner"]))
        yield sql.SQL("TABLESPACE {}").format(sql.Identifier(facts["tablespace"]))
        yield sql.SQL("CONNECTION LIMIT {}").format(sql.Literal(facts["datconnlimit"]))


async def _grant(admin: Connection, new: sql.Identifier, real: str) -> None:
    query = """
        SELECT pg_get_userbyid(a.grantee), a.grantee, a.privilege_type, a.is_grantable
        FROM pg_database, aclexplode(datacl) a WHERE datname = %s
    """
    rights = await (await admin.execute(query, (real,))).fetchall()
    if rights:
        await admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(new))
    for role, number, right, grantable in rights:
        whom = sql.Identifier(role) if number else sql.SQL("PUBLIC")
        option = sql.SQL(" WITH GRANT OPTION" if grantable else "")
        # What the server itself calls a right is a keyword.
        grant = sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(sql.SQL(right), new, whom, option)
        await admin.execute(grant)


async def _set(admin: Connection, new: sql.Identifier, real: str) -> None:
    """Settings are taken from the session, since only the server knows which of them are lists."""
    query = """
        SELECT CASE WHEN setrole <> 0 THEN pg_get_userbyid(setrole) END, unnest(setconfig)
        FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE datname = %s
    """
    for role, setting in await (await admin.execute(query, (real,))).fetchall():
        name, _, value = setting.partition("=")
        subject = sql.SQL("ROLE {} IN DATABASE {}").format(sql.Identifier(role), new) if role else None
        target = subject or sql.SQL("DATABASE {}").format(new)
        variable = sql.Identifier(*name.split("."))
        async with admin.transaction():
            await admin.execute("SELECT set_config(%s, %s, true)", (name, value))
            await admin.execute(sql.SQL("ALTER {} SET {} FROM CURRENT").format(target, variable))
