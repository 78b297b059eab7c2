"""Messages as CDEvents 0.5, in a CloudEvents 1.0 envelope (https://cdevents.dev).

What the specification has a name for is told under that: what serves now, incidents, and changes of the environment.
Everything else is one of its custom events, so that a receiver misses nothing. All our own facts are `customData`.
The envelope is the structured one, a part of the body, so that a signature covers it.
"""

from __future__ import annotations

import datetime
import json
from typing import Any
from urllib.parse import quote

from comporta.model.messages import Event, Message

CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"
SPECIFICATION = "0.5.0"
SERVICE, ENVIRONMENT, INCIDENT = "service", "environment", "incident"
VERSION = "0.3.0"
"""Of the types of these three subjects."""
CUSTOM = {
    Event.APPROVAL_WANTED: "approval.wanted",
    Event.STARTED: "deployment.started",
    Event.ABORTED: "deployment.aborted",
    Event.SUPERSEDED: "deployment.superseded",
    Event.THRESHOLD_CROSSED: "threshold.crossed",
    Event.THRESHOLD_CLEARED: "threshold.cleared",
    Event.TEST: "alert.tested",
}
"""Events without a name in the specification → subject and predicate of ours."""


def cloud_event(message: Message) -> bytes:
    """The body of a request with the content type above."""
    data = cdevent(message)
    context = data["context"]
    envelope = {
        "specversion": "1.0",
        "id": context["id"],
        "source": context["source"],
        "type": context["type"],
        "subject": data["subject"]["id"],
        "time": context["timestamp"],
        "datacontenttype": "application/cdevents+json",
        "data": data,
    }
    return json.dumps(envelope, ensure_ascii=False).encode()


def cdevent(message: Message) -> dict[str, Any]:
    """The event, as its schema wants it."""
    kind, subject = _told(message)
    at = datetime.datetime.fromtimestamp(message.at, datetime.UTC).isoformat(timespec="milliseconds")
    source = _source(message)
    context = {
        "specversion": SPECIFICATION,
        "id": message.id,
        "source": source,
        "type": kind,
        "timestamp": at.replace("+00:00", "Z"),
    }
    if message.deployment is not None:
        context["chainId"] = f"{source}/{message.deployment}"
    return {
        "context": context,
        "subject": {"source": source, **subject},
        "customData": message.facts(),
        "customDataContentType": "application/json",
    }


def _told(message: Message) -> tuple[str, dict[str, Any]]:
    """The type of the event, and its subject."""
    match message.event:
        case Event.PROMOTED:
            return _service(message, "upgraded" if message.replaces else "deployed", message.version)
        case Event.ROLLED_BACK:
            # A rollback that was asked for made its version live; a deployment that turned back, the one before.
            serves = message.version if message.outcome == "promoted" else message.replaces
            return _service(message, "rolledback" if serves else "removed", serves)
        case Event.INCIDENT:
            content = {"description": message.title, ENVIRONMENT: _environment(message), SERVICE: _reference(message)}
            return _type(INCIDENT, "detected"), {"id": message.id, "content": content}
        case Event.MAINTENANCE_ON | Event.MAINTENANCE_OFF:
            return _type(ENVIRONMENT, "modified"), {
                "id": message.environment,
                "content": {"name": message.environment},
            }
        case event:
            subject = {"id": message.id, "content": {ENVIRONMENT: _environment(message), SERVICE: _reference(message)}}
            return f"dev.cdeventsx.comporta-{CUSTOM[event]}.0.1.0", subject


def _service(message: Message, predicate: str, serves: str | None) -> tuple[str, dict[str, Any]]:
    content: dict[str, Any] = {ENVIRONMENT: _environment(message)}
    if serves:
        content["artifactId"] = f"pkg:generic/{quote(message.service, safe='')}@{quote(serves, safe='')}"
    return _type(SERVICE, predicate), {"id": message.service, "content": content}


def _type(subject: str, predicate: str) -> str:
    return f"dev.cdevents.{subject}.{predicate}.{VERSION}"


def _environment(message: Message) -> dict[str, str]:
    return {"id": message.environment, "source": _source(message)}


def _reference(message: Message) -> dict[str, str]:
    return {"id": message.service, "source": _source(message)}


def _source(message: Message) -> str:
    return f"/comporta/{quote(message.service, safe='')}/{quote(message.environment, safe='')}"
