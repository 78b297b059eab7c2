"""Messages as a fold of the journal: one for each record that matters, so that no crash can lose or invent one."""

from __future__ import annotations

from typing import Any

from comporta.app.approving import wanted
from comporta.app.deployments import Deployment, beginning, deployment_of, losses
from comporta.model.journal import Kind, Outcome, Record
from comporta.model.messages import Event, Message
from comporta.ports.journal import Journal
from comporta.steps.keep_warm import duration

KINDS = (Kind.REQUESTED, Kind.OPENED, Kind.FINISHED, Kind.ALERT, Kind.MAINTENANCE)
"""The records that are worth a message."""

SEVERITIES = {
    Outcome.PROMOTED: "info",
    Outcome.ABORTED: "warning",
    Outcome.ROLLED_BACK: "warning",
    Outcome.SUPERSEDED: "info",
    Outcome.INCIDENT: "critical",
}


async def messages_after(journal: Journal, service: str, environment: str, sequence: int) -> list[tuple[int, Message]]:
    """What is to be told of the records after this one, with the sequence of each, oldest first."""
    records = await journal.find(environment=environment, kinds=KINDS, after=sequence)
    return [(r.sequence, message_of(r, service, await _opened(journal, r))) for r in reversed(records)]


async def _opened(journal: Journal, record: Record) -> Record | None:
    if record.kind is not Kind.FINISHED or record.deployment is None:
        return None
    return beginning(await journal.records(record.deployment))


def message_of(record: Record, service: str, opened: Record | None = None) -> Message:
    """The message about one record of `KINDS`.

    Args:
        opened: how the deployment began, where the record tells how it ended.
    """
    where = f"{service} {record.environment}"
    if record.kind is Kind.REQUESTED:
        return _asks(deployment_of(record, None), record, where, service)
    if record.kind is Kind.OPENED:
        return _started(deployment_of(record, None), record, where, service)
    if record.kind is Kind.FINISHED:
        assert opened is not None, "what ended was begun"
        return _ended(deployment_of(opened, record), record, where, service)
    facts = _about_threshold(record, where) if record.kind is Kind.ALERT else _about_maintenance(record, where)
    return Message(**_common(record, service), **facts)


def sample_message(service: str, environment: str, actor: str, at: float) -> Message:
    """What `comporta alerts test` sends."""
    return Message(
        id=f"{environment}-test-{at:.3f}",
        hash="",
        event=Event.TEST,
        severity="info",
        at=at,
        service=service,
        environment=environment,
        title=f"{service} {environment}: a test",
        text=f"{actor} asked whether alerts arrive. This one did.",
        actor=actor,
    )


def _common(record: Record, service: str) -> dict[str, Any]:
    return {
        "id": f"{record.environment}-{record.sequence}-{record.hash[:8]}",
        "hash": record.hash,
        "at": record.at,
        "service": service,
        "environment": record.environment,
        "deployment": record.deployment,
        "actor": record.actor,
    }


def _about(deployment: Deployment) -> dict[str, Any]:
    figures = deployment.figures or {}
    return {
        "version": deployment.version,
        "release": deployment.release,
        "replaces": deployment.replaces,
        "strategy": deployment.strategy,
        "reason": deployment.reason,
        "seconds": deployment.seconds,
        "requests": figures.get("requests"),
        "lost": figures.get("lost"),
        "cause": deployment.cause,
        "outcome": deployment.outcome.value if deployment.outcome else "",
    }


def _asks(deployment: Deployment, record: Record, where: str, service: str) -> Message:
    approval = deployment.approval
    assert approval is not None, "it asks for one"
    next_ = f"comporta approve {deployment.number}"
    within = f"within {duration(approval.until - deployment.started)}"
    return Message(
        **_common(record, service),
        **_about(deployment),
        event=Event.APPROVAL_WANTED,
        severity="info",
        title=f"{where}: the deployment of {deployment.version} waits for {wanted(approval)}",
        text=_text(_instead(deployment), _asked_by(deployment), within, _next(next_)),
        next=next_,
    )


def _started(deployment: Deployment, record: Record, where: str, service: str) -> Message:
    doing = "rollback to" if deployment.is_rollback else "deployment of"
    return Message(
        **_common(record, service),
        **_about(deployment),
        event=Event.STARTED,
        severity="info",
        title=f"{where}: {doing} {deployment.version} began",
        text=_text(_instead(deployment), _asked_by(deployment)),
    )


def _ended(deployment: Deployment, record: Record, where: str, service: str) -> Message:
    outcome = deployment.outcome
    assert outcome is not None, "it ended"
    event, title = _how(deployment, outcome)
    number = deployment.number
    next_ = ""
    if event is Event.INCIDENT:
        settle = f"put it right, then comporta abort {number}" if outcome is Outcome.INCIDENT else "a person is needed"
        next_ = f"comporta show {number}; {settle}"
    return Message(
        **_common(record, service),
        **_about(deployment),
        event=event,
        severity="critical" if event is Event.INCIDENT else SEVERITIES[outcome],
        title=f"{where}: {title}",
        text=_text(deployment.cause, _instead(deployment), _asked_by(deployment), _took(deployment), _next(next_)),
        next=next_,
    )


def _how(deployment: Deployment, outcome: Outcome) -> tuple[Event, str]:
    """The event, and what happened in a few words."""
    version, serves = deployment.version, deployment.replaces or "nothing"
    match outcome:
        case Outcome.PROMOTED if deployment.is_rollback:
            return Event.ROLLED_BACK, f"rolled back to {version}"
        case Outcome.PROMOTED:
            return Event.PROMOTED, f"{version} is live"
        case Outcome.ABORTED | Outcome.ROLLED_BACK if deployment.automatic is not None:
            return Event.INCIDENT, f"the automatic rollback to {version} failed, {serves} goes on serving"
        case Outcome.ABORTED:
            return Event.ABORTED, f"{version} was not deployed, {serves} serves"
        case Outcome.ROLLED_BACK:
            return Event.ROLLED_BACK, f"{version} was rolled back, {serves} serves"
        case Outcome.SUPERSEDED:
            return Event.SUPERSEDED, f"the deployment of {version} was given up"
        case Outcome.INCIDENT:
            return Event.INCIDENT, f"INCIDENT while deploying {version}, a person is needed"


def _about_threshold(record: Record, where: str) -> dict[str, Any]:
    crossed, name = bool(record.data.get("crossed")), record.data.get("name", "a figure")
    return {
        "event": Event.THRESHOLD_CROSSED if crossed else Event.THRESHOLD_CLEARED,
        "severity": str(record.data.get("severity", "warning")) if crossed else "info",
        "title": f"{where}: {name} is {'over its threshold' if crossed else 'well again'}",
        "text": str(record.data.get("message", "")),
    }


def _about_maintenance(record: Record, where: str) -> dict[str, Any]:
    on = bool(record.data.get("on"))
    return {
        "event": Event.MAINTENANCE_ON if on else Event.MAINTENANCE_OFF,
        "severity": "info",
        "title": f"{where}: maintenance {'began' if on else 'is over'}",
        "text": _text(str(record.data.get("message", "")), f"by {record.actor}"),
    }


def _text(*lines: str) -> str:
    return "\n".join(line for line in lines if line)


def _instead(deployment: Deployment) -> str:
    instead = f", instead of {deployment.replaces}" if deployment.replaces else ""
    return f"{deployment.strategy}{instead}"


def _asked_by(deployment: Deployment) -> str:
    why = f": {deployment.reason}" if deployment.reason else ""
    if deployment.automatic is not None:
        return f"automatic, after deployment {deployment.automatic}{why}"
    agreed = deployment.approval.by if deployment.approval else ()
    approved = f", approved by {', '.join(agreed)}" if agreed else ""
    return f"by {deployment.actor}{approved}{why}"


def _took(deployment: Deployment) -> str:
    figures = deployment.figures or {}
    served = f", {figures['requests']} requests served meanwhile, {losses(figures)}" if "requests" in figures else ""
    return f"took {duration(round(deployment.seconds or 0.0))}{served}"


def _next(command: str) -> str:
    return f"next: {command}" if command else ""
