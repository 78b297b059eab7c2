"""Traces to an OpenTelemetry collector, over OTLP/HTTP: an extra, configured by the usual OTEL_… variables alone.

The trace is sent by a process of its own once the deployment is over, so nothing waits for a collector.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from comporta.drivers.apart import start_apart
from comporta.model.errors import MissingTool, NotifyFailure
from comporta.model.findings import Finding
from comporta.model.traces import Span, Trace

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
INSTALL = "pip install 'comporta[otel]'"
NANO = 1_000_000_000
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
"""As in www.w3.org/TR/trace-context: version, trace, span, flags, and what a later version may add."""
SAMPLED = 1


class Tracer:
    """Has traces of an environment sent.

    Args:
        config: the config file, as an absolute path.
        state: the state folder, where `traces.log` is.
    """

    def __init__(self, config: Path, environment: str, state: Path) -> None:
        self._words = ["-c", str(config), "-e", environment]
        self._log = state / "traces.log"

    def wake(self, deployment: int) -> None:
        """Have the trace of a deployment sent. Returns at once, and never fails."""
        with contextlib.suppress(OSError):
            if wanted(os.environ):
                start_apart(["trace", str(deployment), *self._words], self._log)


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether the variables name a collector, and do not switch it off."""
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(environ.get(name) for name in ENDPOINTS)


def traceparent(environ: Mapping[str, str]) -> str:
    """The ids of the trace and the span that $TRACEPARENT names, with a dash between.

    Empty where it names none, or one that is not sampled: a collector gets nothing of that.
    """
    found = TRACEPARENT.fullmatch(environ.get("TRACEPARENT", ""))
    return f"{found[1]}-{found[2]}" if found and int(found[3], 16) & SAMPLED else ""


def diagnose(environ: Mapping[str, str]) -> list[Finding]:
    """What keeps traces from being sent. Asks nobody."""
    if not wanted(environ) or not _missing():
        return []
    return [
        Finding(name="traces", ok=False, text="traces cannot be sent: OpenTelemetry is not installed", next=INSTALL)
    ]


def send(trace: Trace) -> None:
    """Send it, and wait for the answer, as long as OTEL_EXPORTER_OTLP_TIMEOUT says.

    Raises:
        MissingTool: the extra is not installed.
        NotifyFailure: the collector did not take it.
    """
    if _missing():
        raise MissingTool("cannot send traces: OpenTelemetry is not installed", next=INSTALL)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace.export import SpanExportResult

    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "comporta"}
    resource = Resource.create(named)
    result = OTLPSpanExporter().export([_readable(trace, span, resource) for span in trace.spans])
    if result is not SpanExportResult.SUCCESS:
        raise NotifyFailure(
            f"cannot send the trace of deployment {trace.deployment}: the collector did not take it",
            next=f"look at {' or '.join(ENDPOINTS)}; `comporta trace {trace.deployment}` sends it again",
        )


def _missing() -> bool:
    return importlib.util.find_spec("opentelemetry") is None


def _readable(trace: Trace, span: Span, resource: Resource) -> ReadableSpan:
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

    def context(id_: str, *, is_remote: bool = False) -> SpanContext:
        return SpanContext(int(trace.id, 16), int(id_, 16), is_remote, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    whole = span is trace.spans[0]
    ends = int(span.ends * NANO)
    failed = {"exception.type": span.error_type, "exception.message": span.error}
    return ReadableSpan(
        name=span.name,
        context=context(span.id),
        parent=context(span.parent, is_remote=whole) if span.parent else None,
        resource=resource,
        attributes=span.attributes | ({"error.type": span.error_type} if span.error else {}),
        events=[Event("exception", failed, ends)] if span.error and not whole else [],
        kind=SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.OK),
        start_time=int(span.begins * NANO),
        end_time=ends,
        instrumentation_scope=InstrumentationScope("comporta", importlib.metadata.version("comporta")),
    )
