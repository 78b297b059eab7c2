"""Each receiver of the config with its driver."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from urllib.parse import urlsplit

from comporta.drivers.notifiers import apprise
from comporta.drivers.notifiers.apprise import Apprise
from comporta.drivers.notifiers.command import Command
from comporta.drivers.notifiers.webhook import Webhook
from comporta.model.errors import ConfigError
from comporta.model.findings import Finding
from comporta.model.spec import EnvironmentSpec, ReceiverSpec
from comporta.ports.notifier import Notifier, Receiver
from comporta.ports.secrets import Secrets

USUAL = "comporta"
"""The format of a webhook that names none."""


def receiver(spec: ReceiverSpec, folder: Path, secrets: Secrets) -> Receiver:
    """The receiver, ready to be told. Does no I/O."""
    # The usual format is left out, so that a key stays what it was before there was another one.
    other = [spec.format] if spec.format != USUAL else []
    written = json.dumps([spec.kind, spec.target, spec.events, *other])
    return Receiver(
        key=f"{spec.kind}-{hashlib.sha256(written.encode()).hexdigest()[:16]}",
        label=label(spec),
        events=spec.events,
        once=spec.kind == "run",
        notifier=_notifier(spec, folder, secrets),
    )


def label(spec: ReceiverSpec) -> str:
    """What people call it: of an address only scheme and host, as its path and its user may be secrets."""
    first = spec.target[0]
    if spec.kind == "run":
        return f"run {first}"
    if first.startswith("${"):
        return f"{spec.kind} {first.partition('}')[0]}}}"
    parts = urlsplit(first)
    return f"{spec.kind} {parts.netloc.rpartition('@')[2] if spec.kind == 'webhook' else parts.scheme}"


def diagnose(spec: EnvironmentSpec, secrets: Secrets) -> list[Finding]:
    """What keeps a receiver from being told anything. Sends nothing."""
    return [Finding(name="alerts", ok=False, **wrong) for each in spec.alerts if (wrong := _wrong(each, secrets))]


def _wrong(spec: ReceiverSpec, secrets: Secrets) -> dict[str, str]:
    try:
        for text in (*spec.target, spec.secret):
            secrets.fill(text)
    except ConfigError as error:
        return {"text": f"{label(spec)}: {error.message}", "next": error.next}
    if spec.kind == "apprise" and apprise.missing():
        return {"text": f"{label(spec)}: {apprise.missing()}", "next": apprise.INSTALL}
    return {}


def _notifier(spec: ReceiverSpec, folder: Path, secrets: Secrets) -> Notifier:
    match spec.kind:
        case "webhook":
            return Webhook(spec.target[0], spec.secret, spec.timeout, secrets, spec.format)
        case "run":
            return Command(spec.target, folder, spec.timeout, secrets)
        case _:
            return Apprise(spec.target[0], spec.timeout, secrets)
