"""Pydantic's errors → problems that say what is wrong at which place, and what to write there."""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from comporta.config.nodes import Loc, Node
from comporta.config.schema import Schema, known_keys, owners
from comporta.config.source import Problem
from comporta.config.types import quoted
from comporta.config.variables import has_variable, names

Model = TypeVar("Model", bound=BaseModel)

EXPECTED = {
    "string_type": ("text", "put it in quotes"),
    "int_type": ("a whole number", "write a number such as 3"),
    "int_from_float": ("a whole number", "write a number such as 3"),
    "float_type": ("a number", "write a number such as 2.5"),
    "bool_type": ("true or false", "write true or false"),
    "list_type": ("a list", "write a list, such as [one, two]"),
    "tuple_type": ("a list", "write a list, such as [one, two]"),
    "dict_type": ("a mapping of keys to values", "write `key: value` lines below it"),
    "model_type": ("a mapping of keys to values", "write `key: value` lines below it"),
}
"""Pydantic's type of an error → what is expected, and what to do about it."""

BOUNDS = {
    "ge": "write {} or more",
    "gt": "write more than {}",
    "le": "write {} or less",
    "lt": "write less than {}",
    "min_length": "write {} or more of it",
    "max_length": "write {} or less of it",
    "pattern": "write text that matches {}",
}
"""The name of a constraint in pydantic's error → what to do about it."""


def validate(
    model: type[Model], node: Node, may_lack: Callable[[Loc], bool] = lambda loc: False
) -> tuple[Model | None, list[Problem]]:
    """The value as the model, or None and what is wrong with it.

    Nothing is converted that was not meant so: lists may stand for tuples and text for paths, as in JSON.

    Args:
        may_lack: says whether what is required at a location may be missing nevertheless.
    """
    try:
        return model.model_validate_json(json.dumps(node.plain()), strict=True), []
    except ValidationError as error:
        details = error.errors(include_url=False)
        # What is missing beside an unknown key was misspelt, most likely.
        misspelt = {detail["loc"][:-1] for detail in details if detail["type"] == "extra_forbidden"}
        wrong = [
            detail
            for detail in details
            if detail["type"] != "missing" or not (detail["loc"][:-1] in misspelt or may_lack(detail["loc"]))
        ]
        return None, [_problem(detail, node, partial(_schema, model)) for detail in wrong]


def known(word: str, words: Iterable[str]) -> str:
    """Advice for somebody who wrote an unknown word."""
    words = list(words)
    begun = [other for other in words if word and other.startswith(word)]
    close = difflib.get_close_matches(word, words, n=1) or begun
    return f"did you mean `{close[0]}`?" if close else f"write one of {', '.join(words)}"


@cache
def _schema(model: type[BaseModel]) -> Schema:
    """It takes as long to make as all the rest, and most errors do not need it."""
    return model.model_json_schema()


def _problem(error: ErrorDetails, root: Node, schema: Callable[[], Schema]) -> Problem:
    node = root.deepest(error["loc"])
    what, next_ = _explained(error, node, schema)
    at_key = error["type"] in ("extra_forbidden", "missing") or error["loc"][-1:] == ("[key]",)
    return Problem(node.key if at_key else node.place, f"cannot read {node.path or 'the config'}: {what}", next_)


def _explained(error: ErrorDetails, node: Node, schema: Callable[[], Schema]) -> tuple[str, str]:
    kind, last = error["type"], str(error["loc"][-1]) if error["loc"] else ""
    context: dict[str, Any] = error.get("ctx", {})
    if kind == "missing":
        return f"`{last}` is missing", f"add `{last}:` below it"
    if kind == "extra_forbidden":
        return "there is no such key", _right_key(last, schema(), error["loc"][:-1])
    if isinstance(node.content, str) and has_variable(node.content):
        return f"{_variable(node.content)} cannot stand here, only in text that instances get", "write the value itself"
    if kind == "refused":
        return context["text"], context["next"]
    if kind in EXPECTED:
        return _wrong_type(kind, node)
    if kind == "literal_error":
        words = re.findall(r"'([^']*)'", context["expected"])
        return f"{_value(node)} is not {context['expected']}", known(node.raw, words or [context["expected"]])
    return f"{_value(node)} is refused: {_lowered(error['msg'])}", _bound(context)


def _right_key(key: str, schema: Schema, loc: Loc) -> str:
    """Advice for an unknown key: it may be misspelt, or belong to another part."""
    words = known_keys(schema, loc)
    elsewhere = owners(schema, key)
    if elsewhere and not difflib.get_close_matches(key, words, n=1):
        return f"`{key}` is a key of {', '.join(elsewhere)}: write it there, or remove it"
    return known(key, words)


def _bound(context: dict[str, Any]) -> str:
    for name, advice in BOUNDS.items():
        if name in context:
            return advice.format(context[name])
    return "`comporta config schema` tells what may stand here"


def _lowered(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _wrong_type(kind: str, node: Node) -> tuple[str, str]:
    expected, next_ = EXPECTED[kind]
    if node.content is None:
        return f"it is empty, where {expected} is needed", next_
    if expected == "text" and node.raw:
        next_ = f'put it in quotes: "{node.raw}"'
    if expected == "a list" and node.raw:
        next_ = f"write a list: {_as_list(node)}"
    return f"{_value(node)} is not {expected}", next_


def _as_list(node: Node) -> str:
    """A list with what was written without one; a command is taken apart as a shell would."""
    if not isinstance(node.content, str):
        return f"[{node.raw}]"
    try:
        words = shlex.split(node.content)
    except ValueError:
        words = node.content.split()
    return f"[{', '.join(_word(word) for word in words)}]"


def _word(word: str) -> str:
    return word if re.fullmatch(r"[A-Za-z_./-][\w./=-]*", word, re.ASCII) else json.dumps(word, ensure_ascii=False)


def _value(node: Node) -> str:
    """A value for a message, as it was written."""
    return node.raw if node.raw and not isinstance(node.content, str) else quoted(node.content)


def _variable(text: str) -> str:
    return f"${{{names(text)[0]}}}" if names(text) else "${"
