"""A deployment as a trace, with a span for each step: a fold of the journal, made when it is over.

Its ids come from the records' hashes, so that a trace that is sent twice is the same one; where a pipeline that is
traced gave the command, it is a part of that trace. Names of attributes are those of OpenTelemetry's semantic
conventions (`cicd.*`, `deployment.*`), and ours where they have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from comporta.app.context import Context
from comporta.app.deployments import Deployment, find_deployment
from comporta.app.timeline import paired
from comporta.model.errors import UsageError
from comporta.model.journal import Kind, Outcome, Record
from comporta.model.traces import Attributes, Span, Trace
from comporta.model.values import to_json
from comporta.steps.plan import AnyStep

RESULTS = {
    Outcome.PROMOTED: "success",
    Outcome.ABORTED: "failure",
    Outcome.ROLLED_BACK: "failure",
    Outcome.SUPERSEDED: "skip",
    Outcome.INCIDENT: "error",
}
BAD = (Kind.FAILED, Kind.UNDO_FAILED, Kind.FOREIGN)


async def trace_of(ctx: Context, number: int) -> Trace:
    """The trace of a deployment.

    Raises:
        UsageError: there is none with this number, or it has not ended.
    """
    deployment, _, records = await find_deployment(ctx.journal, number)
    if deployment.outcome is None:
        raise UsageError(f"cannot tell the trace of deployment {number}: it has not ended")
    first = records[0]
    whole = _whole(ctx.spec.service, deployment, records)
    return Trace(_above(first)[0] or first.hash[:32], number, (whole, *_parts(deployment, records, whole.id)))


def _whole(service: str, deployment: Deployment, records: Sequence[Record]) -> Span:
    outcome, figures = deployment.outcome, deployment.figures or {}
    assert outcome is not None, "it ended"
    good = outcome is Outcome.PROMOTED
    stopped = outcome is Outcome.ABORTED and any(record.kind in (Kind.ABORT, Kind.REJECTED) for record in records)
    attributes: Attributes = {
        "cicd.pipeline.name": f"{service} {deployment.strategy}",
        "cicd.pipeline.run.id": str(deployment.number),
        "cicd.pipeline.result": "cancellation" if stopped else RESULTS[outcome],
        "deployment.id": str(deployment.number),
        "deployment.name": f"{service} {deployment.version}",
        "deployment.environment.name": deployment.environment,
        "deployment.status": "succeeded" if good else "failed",
        "comporta.service": service,
        "comporta.version": deployment.version,
        "comporta.release": deployment.release,
        "comporta.replaces": deployment.replaces or "",
        "comporta.strategy": deployment.strategy,
        "comporta.outcome": outcome.value,
        "comporta.actor": deployment.actor,
        "comporta.reason": deployment.reason,
    }
    attributes |= {f"comporta.{name}": figures[name] for name in ("requests", "lost") if figures.get(name) is not None}
    first, last = records[0], records[-1]
    cause = "" if good else deployment.cause or outcome.value
    error_type = "" if good else outcome.value
    return Span(first.hash[32:48], _above(first)[1], "deployment", first.at, last.at, attributes, cause, error_type)


def _above(first: Record) -> tuple[str, str]:
    """The ids of the trace and of the span to which the deployment belongs; empty where it stands for itself."""
    trace, _, span = str(first.data.get("traceparent", "")).partition("-")
    return trace, span


def _parts(deployment: Deployment, records: Sequence[Record], whole: str) -> list[Span]:
    """The wait for an approval, and every step, done or undone. One without a result ends where the next record is."""
    after = {record.sequence: following.at for record, following in pairwise(records)}
    spans: list[Span] = []
    steps = deployment.plan.steps
    if records[0].kind is Kind.REQUESTED:
        ends = next((r.at for r in records if r.kind in (Kind.OPENED, Kind.FINISHED)), records[-1].at)
        spans.append(Span(records[0].hash[:16], whole, "wait-for-approval", records[0].at, ends))
    for begun, ended in paired(records):
        if begun.step is not None and begun.kind in (Kind.INTENT, Kind.UNDO_INTENT):
            ends = ended.at if ended else after.get(begun.sequence, begun.at)
            spans.append(_span(deployment.number, steps[begun.step], begun, ended, whole, ends))
    return spans


def _span(deployment: int, step: AnyStep, begun: Record, ended: Record | None, whole: str, ends: float) -> Span:
    assert begun.step is not None, "it is about a step"
    undoing = begun.kind is Kind.UNDO_INTENT
    failed = ended is not None and ended.kind in BAD
    kind = str(to_json(step)["type"])
    data = ended.data if ended else {}
    attributes: Attributes = {
        "cicd.pipeline.task.name": (step.undo_title if undoing else step.title) or kind,
        "cicd.pipeline.task.run.id": f"{deployment}.{begun.sequence}",
        "cicd.pipeline.task.run.result": "failure" if failed else "success" if ended else "cancellation",
        "cicd.pipeline.task.type": "deploy",
        "comporta.step": begun.step,
        "comporta.undoing": undoing,
    }
    error = str(data.get("message", "")) if failed else ""
    name = f"undo-{kind}" if undoing else kind
    return Span(begun.hash[:16], whole, name, begun.at, ends, attributes, error, str(data.get("error", "")))
