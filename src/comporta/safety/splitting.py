"""A script → its statements. The migrator executes exactly what is read here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from sqlglot import Token, TokenType
from sqlglot.dialects.dialect import Dialect as Grammar
from sqlglot.errors import SqlglotError

from comporta.model.errors import MigrationFailed
from comporta.model.migrations import Dialect, Script

QUOTED = "'…'"
QUOTES = {
    TokenType.STRING, TokenType.IDENTIFIER, TokenType.HEREDOC_STRING, TokenType.BYTE_STRING, TokenType.RAW_STRING,
    TokenType.NATIONAL_STRING, TokenType.UNICODE_STRING, TokenType.HEX_STRING, TokenType.BIT_STRING,
}  # fmt: skip
GRAMMARS = {Dialect.POSTGRESQL: "postgres", Dialect.SQLITE: "sqlite"}


class Statement(Struct, frozen=True):
    """One statement without its semicolon, the line of the file it begins in, and the comments that belong to it."""

    sql: str
    line: int
    words: tuple[str, ...]
    comments: tuple[str, ...]

    def begins(self, *words: str) -> bool:
        return self.words[: len(words)] == words


def split(script: Script, dialect: Dialect) -> list[Statement]:
    """The statements of a script. A comment belongs to the statement on its line, else to the next one.

    Raises:
        MigrationFailed: a quote or comment does not end.
    """
    try:
        tokens = Grammar.get_or_raise(GRAMMARS[dialect]).tokenize(script.sql)
    except SqlglotError as error:
        cause = str(error).splitlines()[0]
        raise MigrationFailed(
            f"cannot read the SQL from line {script.line} on: {cause}", next="close every quote, `$$` and comment"
        ) from None
    return [_statement(script, part) for part in _parts(tokens) if part[0].token_type is not TokenType.SEMICOLON]


def _parts(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Tokens up to a semicolon, and with it. The body of a trigger or function (BEGIN … END) is part of its own."""
    part: list[Token] = []
    depth = 0
    for index, token in enumerate(tokens):
        word = _word(token)
        if word == "BEGIN" and _opens_body(part, tokens[index + 1 : index + 2]):
            depth += 1
        elif depth and word in ("CASE", "END"):
            depth += 1 if word == "CASE" else -1
        part.append(token)
        if token.token_type is TokenType.SEMICOLON and not depth:
            yield part
            part = []
    if part:
        yield part


def _opens_body(before: list[Token], after: Sequence[Token]) -> bool:
    is_trigger = "TRIGGER" in [_word(token) for token in before[:4]]
    return is_trigger or [_word(token) for token in after] == ["ATOMIC"]


def _word(token: Token) -> str:
    """A word of the language, or a plain name, in capitals; what stands in quotes is none."""
    return QUOTED if token.token_type in QUOTES else token.text.upper()


def _statement(script: Script, part: list[Token]) -> Statement:
    inside = part[:-1] if part[-1].token_type is TokenType.SEMICOLON else part
    return Statement(
        sql=script.sql[inside[0].start : inside[-1].end + 1],
        # sqlglot's own count of lines goes astray after a lone `$`, as in `$1`.
        line=script.line + script.sql.count("\n", 0, inside[0].start),
        words=tuple(_word(token) for token in inside),
        comments=tuple(comment.strip() for token in part for comment in token.comments),
    )
