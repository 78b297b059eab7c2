"""`comporta status`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from comporta.cli.base import as_called, common, execute, open_context, paint, print_json, told
from comporta.cli.kept import for_a_look, ways_to_look
from comporta.cli.printing import say
from comporta.cli.screen import counted, rows
from comporta.cli.times import clock_time, iso, span
from comporta.model.release import InstanceState, Occupant, SlotState
from comporta.model.traffic import Slot
from comporta.model.values import to_json

if TYPE_CHECKING:
    from comporta.app.judgement import Judged
    from comporta.app.maintenance import Maintenance
    from comporta.app.notifying import Undelivered
    from comporta.app.status import Status


@click.command("status")
@common
@told
def command(environment: str, config: Path | None, as_json: bool) -> None:
    """Show what serves now, what is kept warm, who holds the lock, and what was interrupted."""
    from comporta.app.status import status

    ctx, _ = open_context(environment, config, as_json=as_json)
    seen = execute(ctx, lambda: status(ctx))
    if as_json:
        print_json({"service": ctx.spec.service, "environment": environment, **_facts(seen)})
        return
    say(f"{paint(ctx.spec.service, 'cyan', bold=True)} {environment}")
    _print(seen)


def _facts(seen: Status) -> dict[str, Any]:
    from comporta.cli.ending import deployment_facts

    live = seen.snapshot.live
    interrupted = seen.interrupted
    return {
        "live": _live_facts(live),
        "router": {"address": seen.address, **to_json(seen.snapshot.routing)},
        "slots": {slot.value: to_json(seen.snapshot.slot(slot)) for slot in Slot},
        "maintenance": _maintenance_facts(seen.maintenance),
        "waiting": [deployment_facts(deployment) for deployment in seen.waiting],
        "lease": to_json(seen.lease) if seen.lease else None,
        "lease_dead": seen.lease_dead,
        "judged": {"share": seen.judged.share, "verdict": to_json(seen.judged.verdict)} if seen.judged else None,
        "watched": seen.watched,
        "alerts": [to_json(crossing) for crossing in seen.alerts],
        "undelivered": to_json(seen.undelivered),
        "next": as_called(seen.next),
        "interrupted": interrupted.number if interrupted else None,
        "latest": {"deployment": seen.latest.number, "outcome": seen.latest.outcome, "ended": iso(seen.latest.ended)}
        if seen.latest
        else None,
    }


def _maintenance_facts(page: Maintenance | None) -> dict[str, Any] | None:
    return {"since": iso(page.since), "actor": page.actor, "message": page.message} if page else None


def _live_facts(live: SlotState | None) -> dict[str, Any] | None:
    if live is None or live.occupant is None:
        return None
    return {"slot": live.slot, "version": live.occupant.release.version, "release": live.occupant.release.number}


def _print(seen: Status) -> None:
    routing = seen.snapshot.routing
    router = "serves at" if routing.running else paint("does not run:", "red")
    if routing.topology is None:
        say("router  not set up: nothing serves")
    else:
        say(f"router  {router} http://{seen.address}")
    if routing.tampered:
        say(f"        {paint('changed by hand:', 'red')} {routing.tampered}")
    if seen.maintenance is not None:
        _print_maintenance(seen.maintenance)
    for slot in Slot:
        weights = routing.traffic.weights
        _print_slot(seen.snapshot.slot(slot), weights.of(slot) if weights else 0)
    _print_deployment(seen)
    _print_waiting(seen)
    _print_watch(seen)
    if seen.judged is not None:
        _print_judged(seen.judged)
    _print_undelivered(seen.undelivered)
    if seen.lease is not None:
        dead = f" ({seen.lease_dead})" if seen.lease_dead else ""
        what = (
            f"by hand{': ' * bool(seen.lease.message)}{seen.lease.message}" if seen.lease.manual else seen.lease.doing
        )
        say(f"lock    {seen.lease.holder.actor}, process {seen.lease.holder.pid}{dead} {what}".rstrip())
    if seen.next:
        say(f"{paint('next:', 'cyan')} {as_called(seen.next)}")


def _print_maintenance(page: Maintenance) -> None:
    since = f" since {clock_time(page.since)}, by {page.actor}" if page.since is not None else ""
    message = f": {page.message}" if page.message else ""
    say(f"users   {paint('get the maintenance page', 'yellow', bold=True)}{since}{message}")
    say(as_called("        `comporta maintenance off` takes it down"))


def _print_undelivered(undelivered: Undelivered) -> None:
    for line in undelivered_lines(undelivered):
        say(f"alerts  {paint(line, 'red')}")


def undelivered_lines(undelivered: Undelivered) -> list[str]:
    """What did not reach its receiver, in a line for each receiver; none if all did."""
    lines = [undelivered.problem] if undelivered.problem else []
    for what, found in (
        ("waiting for another try", undelivered.waiting),
        ("given up in the last day", undelivered.given_up),
    ):
        by_receiver = {d.label: d for d in found}
        for label, last in by_receiver.items():
            count = sum(d.label == label for d in found)
            error = last.error or "nobody tried yet; `comporta alerts deliver` does"
            lines.append(f"{counted(count, 'message')} to {label} {what}: {as_called(error)}")
    return lines


def _print_judged(judged: Judged) -> None:
    from comporta.cli.verdicts import line, table

    say(rows(table(judged.verdict, judged.share)))
    say(line(judged.verdict))


def _print_slot(state: SlotState, share: int) -> None:
    if state.occupant is None:
        say(f"{state.slot:7} empty")
    else:
        _print_occupant(state, state.occupant, share)
    for instance in state.instances:
        if instance.state is not InstanceState.RUNNING or instance.restarts:
            code = f", exit code {instance.exit_code}" if instance.exit_code is not None else ""
            restarts = f", restarted {counted(instance.restarts, 'time')}" if instance.restarts else ""
            reason = f": {instance.reason}" if instance.reason else ""
            say(f"        {instance.name} {instance.state}{restarts}{code}{reason}")


def _print_occupant(state: SlotState, occupant: Occupant, share: int) -> None:
    up = sum(i.state is InstanceState.RUNNING for i in state.instances)
    count = f"{up}/{occupant.instances} running"
    count = count if up == occupant.instances else paint(count, "red")
    role = paint("live" if share == 100 else f"gets {share} %", "green", bold=True) if share else "idle"
    if not share and occupant.warm_until is not None:
        until, failed = occupant.warm_until, occupant.failed
        role = for_a_look(until) if failed else f"warm, {span(max(0.0, until - time.time()))} left"
    say(f"{state.slot:7} {occupant.release}  {role}  {count}")
    if occupant.failed:
        addresses = [i.address for i in state.instances if i.state is InstanceState.RUNNING]
        for line in ways_to_look(state.slot, addresses):
            say(f"        {line}")


def _print_waiting(seen: Status) -> None:
    from comporta.app.approving import wanted

    for deployment in seen.waiting:
        assert deployment.approval is not None, "it waits for one"
        what = f"deployment {deployment.number}: {deployment.version} by {deployment.actor}"
        left = span(max(0.0, deployment.approval.until - time.time()))
        say(f"waits   {what}, for {wanted(deployment.approval)}, {left} left")
        say(as_called(f"        `comporta approve {deployment.number}` or `comporta reject {deployment.number}`"))


def _print_watch(seen: Status) -> None:
    for crossing in seen.alerts:
        say(f"{paint('alert', 'red')}   {crossing.message}")
    if seen.snapshot.live is not None and seen.watched is False:
        say("watch   nobody watches: `comporta serve` would roll back what turns bad")


def _print_deployment(seen: Status) -> None:
    latest = seen.latest
    if latest is None:
        return
    if seen.interrupted is not None:
        say(f"{paint('interrupted', 'red')}: deployment {latest.number} ({latest.version})")
        return
    when = f"ended {clock_time(latest.ended)}" if latest.ended else f"began {clock_time(latest.started)}"
    say(f"last    deployment {latest.number}: {latest.version} {latest.outcome or 'is running'}, {when}")
