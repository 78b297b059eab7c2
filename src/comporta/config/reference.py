"""The reference of all keys, as Markdown made from the models: what is written there is what is validated."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from comporta.config.models import OptionTypes, build
from comporta.config.part import Part
from comporta.config.schema import Schema, kinds
from comporta.config.types import duration_text, size_text

MARK = "<!-- made by scripts/config_reference.py -->"
DRIVERS: OptionTypes = {
    "runtimes": {"docker": Part, "process": Part},
    "routers": {"haproxy": Part, "nginx": Part},
    "migrators": {"alembic": Part, "command": Part, "sql": Part},
}
"""The drivers that come with comporta; what options they have, their own pages say."""
HEADINGS = {
    "File": "Top level",
    "Environment": "An environment",
    "Slots": "`slots`",
    "Health": "`health`",
    "HttpCheck": "HTTP check, in `health.checks`",
    "TcpCheck": "TCP check, in `health.checks`",
    "CommandCheck": "Command check, in `health.checks` and `smoke`",
    "BlueGreen": "`blue_green`",
    "Canary": "`canary`",
    "Limits": "`canary.limits`",
    "Database": "`database`",
    "Rolling": "`rolling`",
    "Watch": "`watch`",
    "Triggers": "`watch.rollback`",
    "ErrorTrigger": "`watch.rollback.errors`",
    "LatencyTrigger": "`watch.rollback.latency`",
    "AvailabilityTrigger": "`watch.rollback.availability`",
    "Alarms": "`watch.thresholds`",
    "Backups": "`database.backups`",
    "Keep": "`database.backups.keep`",
    "S3": "`database.backups.s3`",
    "Metrics": "`metrics`",
    "MetricQuery": "Query, in `metrics.queries`",
    "Validate": "`validate`",
    "ValidateHealth": "`validate.health`",
    "ValidatePerformance": "`validate.performance`",
    "ValidateFeatures": "`validate.features`",
    "ValidateLoad": "`validate.load`",
    "ServiceLevels": "`service_levels`",
    "Maintenance": "`maintenance`",
    "Versions": "`versions`",
    "Gates": "`preflight`",
    "CommandGate": "Gate, in `preflight.gates`",
    "FrozenTime": "Freeze, in `preflight.freeze`",
    "Webhook": "Webhook, in `alerts`",
    "Hook": "Command, in `alerts`",
    "Apprise": "Apprise, in `alerts`",
}
"""Model → the heading of its table, in the order of the reference."""
TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}


def renewed(page: str) -> str:
    """The page with the tables after the mark as they are now."""
    text, mark, _ = page.partition(MARK)
    return f"{text}{mark}\n\n{reference()}"


def reference() -> str:
    """A table for each part of the file. An environment's table leaves out what the top level explains."""
    file, _ = build(DRIVERS)
    root = file.model_json_schema()
    parts = {**root["$defs"], "File": root}
    top = root["properties"].keys()
    return "\n".join(
        f"### {heading}\n\n{parts[name]['description']}\n\n"
        f"{table(parts[name], root, skip=top if name == 'Environment' else ())}\n"
        for name, heading in HEADINGS.items()
    )


def table(part: Schema, root: Schema, skip: Iterable[str] = ()) -> str:
    """The keys of a mapping, except for some: type, default, meaning."""
    rows = ["| Key | Type | Default | Meaning |", "| --- | --- | --- | --- |"]
    for key, value in part["properties"].items():
        if key not in skip:
            default = "required" if key in part.get("required", ()) else _default(value)
            words = " or ".join(dict.fromkeys(_type(value, root)))
            rows.append(f"| `{key}` | {words} | {default} | {_meaning(value, root)} |")
    return "\n".join(rows)


def _type(value: Schema, root: Schema) -> Iterator[str]:
    if "x-kind" in value:
        yield value["x-kind"]
    elif "anyOf" in value:
        for alternative in value["anyOf"]:
            yield from _type(alternative, root)
    elif "enum" in value or "const" in value:
        yield from (f"`{_plain(word)}`" for word in value.get("enum", [value.get("const")]))
    elif value.get("type") == "array":
        yield "list"
    elif value.get("type") != "null":
        yield TYPES.get(value.get("type", ""), "mapping")


def _default(value: Schema) -> str:
    default = value.get("default")
    if default in (None, "", [], {}) or "$ref" in value:
        return ""
    kind = next((part["x-kind"] for part in (value, *value.get("anyOf", ())) if "x-kind" in part), None)
    text = (
        duration_text(default)
        if kind == "duration"
        else size_text(default)
        if kind == "size"
        else f"{default * 100:g}%"
        if kind == "percentage"
        else _plain(default)
    )
    return f"`{text}`"


def _meaning(value: Schema, root: Schema) -> str:
    described: str = value.get("description") or next(kinds(value, root)).get("description", "")
    return described


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
