"""The gates that comporta has by itself: each one question to the world, quick, and without a change to it.

A further one (such as the validation of migrations) is a function here, and a line in `BUILT_IN`.
"""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable

import anyio.to_thread
from msgspec import Struct

from comporta.app.context import Context
from comporta.app.forecasting import forecast_notes
from comporta.model.findings import Finding
from comporta.model.snapshot import Snapshot
from comporta.ports.workshop import Workshop
from comporta.steps.judge_traffic import JudgeTraffic
from comporta.steps.plan import Plan

MIB = 1024**2
UNASKED = frozenset({"disk", "alerts", "traces"})
"""Findings that the gate `machine` leaves out: disk space has a gate of its own, and telling hinders no deployment."""


class Intent(Struct, frozen=True):
    """What is about to be done: the plan, and what it starts from."""

    ctx: Context
    snapshot: Snapshot
    plan: Plan
    workshop: Workshop
    diagnose: Callable[[], list[Finding]]


Gate = Callable[[Intent], Awaitable[Finding]]
"""Passes or not by its finding's `ok`; a ComportaError means that it does not."""


async def machine(intent: Intent) -> Finding:
    """What `comporta doctor` looks at: config, programs, ports, the state folder."""
    findings = [found for found in await anyio.to_thread.run_sync(intent.diagnose) if found.name not in UNASKED]
    lacking = [finding for finding in findings if not finding.ok]
    if lacking:
        text = "; ".join(f"{finding.name}: {finding.text}" for finding in lacking)
        return Finding(name="machine", ok=False, text=text, next=lacking[0].next)
    return Finding(name="machine", ok=True, text=f"all {len(findings)} things that the config needs are there")


async def disk(intent: Intent) -> Finding:
    free, wanted = intent.workshop.free_bytes(), intent.ctx.spec.preflight.disk
    text = f"{free // MIB} MiB free, {wanted // MIB} MiB wanted"
    return Finding(name="disk", ok=free >= wanted, text=text, next=f"free some space for {intent.ctx.spec.state}")


async def router(intent: Intent) -> Finding:
    """Tells, and never fails: a deployment brings up a router that is down, as after a reboot."""
    live, routing = intent.snapshot.live, intent.snapshot.routing
    if live is None:
        return Finding(name="router", ok=True, text="nothing serves yet")
    down = "it does not run: a deployment brings it up"
    return Finding(name="router", ok=True, text=f"answers at {intent.ctx.spec.listen}" if routing.running else down)


async def way_back(intent: Intent) -> Finding:
    """The release that serves is still there as it was, so that it could be brought back."""
    live = intent.snapshot.live
    if live is None or live.occupant is None:
        return Finding(name="way back", ok=True, text="nothing serves yet, so there is nothing to go back to")
    await intent.ctx.ports.runtime.verify(live.occupant.artifact)
    return Finding(name="way back", ok=True, text=f"{live.occupant.release.version} can be brought back")


async def freeze(intent: Intent) -> Finding:
    now = intent.ctx.ports.clock.now()
    windows = intent.ctx.spec.preflight.freeze
    here = next((window for window in windows if window.begins <= now < window.ends), None)
    if here is None:
        return Finding(name="freeze", ok=True, text="no freeze at this time")
    until = datetime.datetime.fromtimestamp(here.ends, datetime.UTC)
    advice = "wait, or give --skip-preflight with --reason"
    return Finding(name="freeze", ok=False, text=f"until {until:%Y-%m-%d %H:%M} UTC: {here.why}", next=advice)


async def canary(intent: Intent) -> Finding:
    """Only told: with no traffic a canary promotes nothing, which is no reason not to begin one."""
    if not any(isinstance(step, JudgeTraffic) for step in intent.plan.steps):
        return Finding(name="canary", ok=True, text=f"{intent.plan.strategy} compares no traffic")
    notes = await forecast_notes(intent.ctx, intent.plan)
    return Finding(name="canary", ok=True, text="; ".join(notes) or "the router cannot tell how much traffic there is")


BUILT_IN: dict[str, Gate] = {
    "machine": machine,
    "disk": disk,
    "router": router,
    "way back": way_back,
    "freeze": freeze,
    "canary": canary,
}
BUILT_IN_TIMEOUT = 60.0
