"""Traces of deployments, as a real OTLP receiver gets them: an HTTP server that reads the protocol's own messages."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.http_server import Scripted, scripted_server
from support.site import Site, site

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is not installed")
pytestmark = pytest.mark.slow

ERROR = 2
"""The status code of a span that failed."""
PIPELINE, JOB = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path, health_timeout="1s") as made:
        made.add_release("1.1.0-sick", how="sick")
        yield made


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with scripted_server(Scripted(body=b"", headers={"Content-Type": "application/x-protobuf"})) as server:
        monkeypatch.setenv(ENDPOINT, f"http://{server.address}")
        yield server


def received(collector: Scripted, count: int) -> list[tuple[dict[str, Any], list[Any]]]:
    """The attributes of the resource, and the spans, of each request."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    deadline = time.monotonic() + 90
    while len(collector.seen) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    found = []
    for method, path, headers, body in collector.seen:
        kind = {name.lower(): value for name, value in headers.items()}["content-type"]
        assert (method, path, kind) == ("POST", "/v1/traces", "application/x-protobuf")
        [group] = ExportTraceServiceRequest.FromString(body).resource_spans
        [scope] = group.scope_spans
        assert scope.scope.name == "comporta"
        found.append((attributes(group.resource), list(scope.spans)))
    return found


def attributes(of: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in of.attributes}


def test_a_deployment_is_a_trace_with_a_span_for_each_step(shop: Site, collector: Scripted) -> None:
    shop.comporta("deploy", "1.0.0", "--yes", "--reason", "the first")
    [(resource, spans)] = received(collector, 1)
    assert resource["service.name"] == "comporta"
    whole, *steps = spans
    assert {span.trace_id for span in spans} == {whole.trace_id}
    assert whole.parent_span_id == b""
    assert {step.parent_span_id for step in steps} == {whole.span_id}
    assert len({span.span_id for span in spans}) == len(spans)
    told = shop.json("show", "1")
    done = [act for act in told["timeline"] if act["step"] is not None]
    assert [attributes(step)["cicd.pipeline.task.name"] for step in steps] == [act["title"] for act in done]
    for step, act in zip(steps, done, strict=True):
        assert whole.start_time_unix_nano <= step.start_time_unix_nano <= step.end_time_unix_nano
        assert step.end_time_unix_nano <= whole.end_time_unix_nano
        assert (step.end_time_unix_nano - step.start_time_unix_nano) / 1e9 == pytest.approx(act["seconds"], abs=1e-3)
    facts = attributes(whole)
    assert facts["deployment.environment.name"] == "development"
    assert (facts["deployment.id"], facts["deployment.status"]) == ("1", "succeeded")
    assert (facts["cicd.pipeline.result"], facts["comporta.version"]) == ("success", "1.0.0")
    assert facts["comporta.reason"] == "the first"
    assert "shift-traffic" in {step.name for step in steps}
    assert all(span.status.code != ERROR for span in spans)
    assert "is sent: deployment 1" in shop.comporta("trace", "1").stdout
    again = received(collector, 2)[1][1]
    assert [(span.trace_id, span.span_id) for span in again] == [(span.trace_id, span.span_id) for span in spans]


def test_what_failed_is_recorded_where_it_failed_under_the_span_of_the_pipeline(
    shop: Site, collector: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", f"00-{PIPELINE}-{JOB}-01")
    shop.comporta("deploy", "1.1.0-sick", "--yes", expect=1)
    [(_, [whole, *steps])] = received(collector, 1)
    assert (whole.trace_id.hex(), whole.parent_span_id.hex(), len(whole.events)) == (PIPELINE, JOB, 0)
    assert {(step.trace_id, step.parent_span_id) for step in steps} == {(whole.trace_id, whole.span_id)}
    assert (whole.status.code, attributes(whole)["cicd.pipeline.result"]) == (ERROR, "failure")
    [failed] = [step for step in steps if step.status.code == ERROR]
    assert failed.name == "check-health"
    assert "healthy within" in failed.status.message
    [event] = failed.events
    assert event.name == "exception"
    assert attributes(event)["exception.type"] == attributes(failed)["error.type"] == "CheckFailed"
    assert attributes(event)["exception.message"] == failed.status.message
    assert {step.name for step in steps if attributes(step)["comporta.undoing"]} >= {"undo-start-instances"}


def test_a_collector_that_does_not_answer_is_waited_for_by_nobody(
    shop: Site, collector: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{hanging.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60")
        shop.comporta("deploy", "1.0.0", "--yes")
        [waiting] = [line for line in shop.leftovers() if "trace" in line]
        assert shop.live() == "1.0.0"
    subprocess.run(["kill", waiting.partition(":")[0]], check=True)
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    refused = shop.comporta("trace", "1", expect=1)
    assert "the collector did not take it" in refused.stderr


@pytest.mark.parametrize("off", [{}, {ENDPOINT: "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"}])
def test_where_nobody_is_named_nothing_is_imported_or_started(
    shop: Site, off: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in off.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    printed, _ = shop.start("deploy", "1.0.0", "--yes").communicate(timeout=60)
    assert "comporta.drivers.otlp" in printed
    assert "opentelemetry" not in printed
    assert not (shop.folder / ".comporta" / "traces.log").exists()
