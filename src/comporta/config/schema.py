"""The JSON Schema of the file, and the way around in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from comporta.config.models import OptionTypes, build
from comporta.config.nodes import Loc, is_kind

Schema: TypeAlias = dict[str, Any]


def file_schema(options: OptionTypes) -> Schema:
    """JSON Schema of comporta.yml for editors.

    What a part requires may stand at the top or in the environment; only the whole can tell that it is missing.
    """
    file, _ = build(options)
    schema: Schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **file.model_json_schema()}
    schema["title"] = "comporta.yml"
    _forgive(schema, schema)
    schema["required"] = ["service", "environments"]
    return schema


def _forgive(part: Schema, root: Schema) -> None:
    """Remove `required` from every mapping that can be merged of two parts: not from list items."""
    for kind in kinds(part, root):
        kind.pop("required", None)
        for value in [*kind.get("properties", {}).values(), *_any_key(kind)]:
            _forgive(value, root)


def kinds(part: Schema, root: Schema) -> Iterator[Schema]:
    """The schemas that a value may follow: references and alternatives resolved."""
    if "$ref" in part:
        yield from kinds(root["$defs"][part["$ref"].removeprefix("#/$defs/")], root)
    elif alternatives := part.get("anyOf") or part.get("oneOf") or part.get("allOf"):
        for alternative in alternatives:
            yield from kinds(alternative, root)
    else:
        yield part


def known_keys(root: Schema, loc: Loc) -> list[str]:
    """The keys that the mapping at a pydantic location can have."""
    found = [root]
    for part in loc:
        found = [kind for schema in found for kind in _step(schema, part, root)]
    return sorted({key for schema in found for kind in kinds(schema, root) for key in kind.get("properties", {})})


def owners(root: Schema, key: str) -> list[str]:
    """The parts of the file, by the names of their models, that have this key."""
    return sorted(name for name, part in root.get("$defs", {}).items() if key in part.get("properties", {}))


def _step(schema: Schema, part: str | int, root: Schema) -> Iterator[Schema]:
    for kind in kinds(schema, root):
        if is_kind(part):
            if kind.get("title") == str(part).strip("<>"):
                yield kind
            continue
        if isinstance(part, int):
            yield kind.get("items", {})
        elif part in kind.get("properties", {}):
            yield kind["properties"][part]
        else:
            yield from _any_key(kind)


def _any_key(schema: Schema) -> Iterator[Schema]:
    """What the values of a mapping follow whose keys are the writer's choice."""
    yield from schema.get("patternProperties", {}).values()
    if isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"]
