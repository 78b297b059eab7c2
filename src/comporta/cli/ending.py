"""How a deployment ended, told at the end of the command that ran it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

from comporta.cli.base import as_called, paint, print_json
from comporta.cli.kept import for_a_look, ways_to_look
from comporta.cli.printing import say
from comporta.cli.screen import counted
from comporta.cli.times import iso, span
from comporta.model.journal import Outcome

if TYPE_CHECKING:
    from comporta.app.deploy import AlreadyLive
    from comporta.app.deployments import Deployment
    from comporta.app.running import Ended
    from comporta.cli.screen import Screen


def finish(ended: Ended | AlreadyLive, screen: Screen, *, as_json: bool) -> NoReturn:
    """Print the summary and leave with the right exit code."""
    screen.close()
    from comporta.app.deploy import AlreadyLive

    if isinstance(ended, AlreadyLive):
        if as_json:
            print_json({"already_live": True, "version": ended.version, "release": ended.release, "why": ended.why})
        elif ended.why:
            say(f"{ended.version} (release {ended.release}) serves: {ended.why}")
        else:
            what = f"{ended.version} (release {ended.release}) serves already, with this config"
            say(f"{what}; --force deploys it again (after a change of its env file, say).")
        sys.exit(0)
    if as_json:
        rest = {"kept": kept_facts(ended), "maintenance": ended.maintenance, "notes": ended.notes}
        print_json({**deployment_facts(ended.deployment), "error": _error_facts(ended), **rest})
    else:
        _print_failure(ended)
        print_kept(ended)
        say(summary(ended.deployment))
        if ended.maintenance:
            say(as_called("Users get the maintenance page still: `comporta maintenance off` takes it down."))
    sys.exit(ended.exit_code)


def deployment_facts(deployment: Deployment) -> dict[str, Any]:
    """A deployment for scripts."""
    return {
        "deployment": deployment.number,
        "environment": deployment.environment,
        "strategy": deployment.strategy,
        "version": deployment.version,
        "release": deployment.release,
        "replaces": deployment.replaces,
        "actor": deployment.actor,
        "reason": deployment.reason,
        "automatic": deployment.automatic,
        "started": iso(deployment.started),
        "ended": iso(deployment.ended),
        "seconds": deployment.seconds,
        "outcome": deployment.outcome,
        "cause": deployment.cause,
        "approval": approval_facts(deployment),
        "preflight": deployment.preflight,
        "figures": deployment.figures or {},
    }


def approval_facts(deployment: Deployment) -> dict[str, Any] | None:
    """What a deployment wants, or wanted, of others before it begins, for scripts."""
    approval = deployment.approval
    if approval is None:
        return None
    waits = deployment.requested and deployment.outcome is None
    return {"wanted": approval.wanted, "by": approval.by, "until": iso(approval.until), "waits": waits}


def summary(deployment: Deployment) -> str:
    """Version, outcome, duration, how long the switch took, requests served and lost, in a line."""
    from comporta.app.deployments import losses

    good = deployment.outcome is Outcome.PROMOTED
    what = "rolled back to" if good and deployment.is_rollback else f"{deployment.outcome}:"
    head = paint(what, "green" if good else "red", bold=True)
    text = f"{head} {deployment.version} in {deployment.environment}, {span(deployment.seconds)}"
    figures = deployment.figures or {}
    if "switch_seconds" in figures:
        text += f", switched in {figures['switch_seconds'] * 1000:.1f} ms"
    if "requests" in figures:
        text += f", {counted(figures['requests'], 'request')} served meanwhile, {losses(figures)}"
    if not good and deployment.outcome is not Outcome.INCIDENT:
        text += f"; {deployment.replaces or 'nothing'} serves"
    return text


def _error_facts(ended: Ended) -> dict[str, Any] | None:
    if ended.failure is None:
        return None
    keys = ("message", "details", "next")
    facts = {key: ended.failure.data[key] for key in keys if key in ended.failure.data}
    return facts | {"next": as_called(facts.get("next", ""))}


def kept_facts(ended: Ended) -> dict[str, Any] | None:
    """What is left running for a look, for scripts."""
    kept = ended.kept
    return {"slot": kept.slot, "addresses": kept.addresses, "until": iso(kept.until)} if kept else None


def print_kept(ended: Ended) -> None:
    """What is left running for a look, and how to look."""
    if ended.kept is None:
        return
    version = ended.deployment.version
    say(f"{paint('kept:', 'cyan')} {version} is {for_a_look(ended.kept.until)}, without users", err=True)
    for line in ways_to_look(ended.kept.slot, ended.kept.addresses):
        say(f"  {line}", err=True)


def _print_failure(ended: Ended) -> None:
    if ended.deployment.outcome is Outcome.PROMOTED or ended.failure is None:
        return
    data = ended.failure.data
    say(f"\n{paint('error:', 'red')} {data['message']}", err=True)
    for line in data.get("details", ()):
        say(f"  {line}", err=True)
    if "next" in data:
        say(f"{paint('next:', 'cyan')} {as_called(data['next'])}", err=True)
