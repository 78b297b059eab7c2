"""The trace to which a deployment belongs: that of the pipeline that gave the command."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from comporta.app.context import Context
from comporta.app.deploy import deploy
from comporta.app.rollback import rollback
from comporta.app.tracing import trace_of
from comporta.drivers.otlp import traceparent
from comporta.model.traces import Trace
from comporta.strategies import blue_green
from simulation.world import World

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"00-{TRACE}-{SPAN}-01", f"{TRACE}-{SPAN}"),
        (f"00-{TRACE}-{SPAN}-03", f"{TRACE}-{SPAN}"),
        (f"01-{TRACE}-{SPAN}-01-more", f"{TRACE}-{SPAN}"),
        (f"00-{TRACE}-{SPAN}-00", ""),  # not sampled
        (f"ff-{TRACE}-{SPAN}-01", ""),
        (f"00-{'0' * 32}-{SPAN}-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (f"00-{TRACE.upper()}-{SPAN}-01", ""),
        (f"{TRACE}-{SPAN}", ""),
        ("", ""),
    ],
)
def test_what_is_no_sampled_span_is_nobodys_parent(text: str, found: str) -> None:
    assert traceparent({"TRACEPARENT": text}) == found


def test_a_persons_deployment_is_part_of_the_trace_and_an_automatic_rollback_is_not() -> None:
    world = World()

    async def both(ctx: Context) -> list[Trace]:
        ctx = replace(ctx, traceparent=f"{TRACE}-{SPAN}")
        for version in ("1.0.0", "1.1.0"):
            await deploy(ctx, version, blue_green.plan)
        await rollback(ctx, automatic=2)
        return [await trace_of(ctx, number) for number in (2, 3)]

    asked, automatic = world.run(both)
    assert (asked.id, asked.spans[0].parent) == (TRACE, SPAN)
    assert automatic.id != TRACE
    assert automatic.spans[0].parent == ""
