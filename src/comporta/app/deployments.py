"""Deployments and releases as folds of the journal: there is no second truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct

from comporta.engine.machine import Standing, can_abort, fold, goes_back
from comporta.model.approvals import Approval
from comporta.model.errors import JournalError, UsageError
from comporta.model.journal import Kind, Outcome, Record
from comporta.model.release import Release
from comporta.model.traffic import ReleaseRef
from comporta.model.values import Value, from_json, to_json
from comporta.ports.journal import Journal

if TYPE_CHECKING:  # whoever lists deployments needs no steps
    from comporta.steps.plan import Plan

T = TypeVar("T")


class Heading(Value, frozen=True):
    """What a plan is about, without its steps."""

    strategy: str
    release: ReleaseRef
    replaces: ReleaseRef | None


class Deployment(Struct, frozen=True):
    """One attempt to make a release live, as its first and last records tell it.

    Attributes:
        started, ended: seconds since the epoch; `ended` is None while it runs or was interrupted.
        cursor, proxy: where the router's log and its proxy's life stood when it began; None: nobody knows.
        written: the plan, as the journal has it.
        automatic: the deployment whose release the watch found bad, where this is its rollback; None: a person asked.
        approval: the consent that it wanted; None: none.
        requested: it only asked for that, so far; nothing was begun.
        preflight: what its gates said, or who skipped them and why; None: they were not asked.
        cause: why it did not end promoted.
        figures: what was measured over the whole deployment: requests, lost (None: not known), seconds…
    """

    number: int
    environment: str
    strategy: str
    version: str
    release: int
    replaces: str | None
    actor: str
    reason: str
    started: float
    cursor: str | None
    written: dict[str, Any]
    proxy: str | None = None
    automatic: int | None = None
    approval: Approval | None = None
    requested: bool = False
    preflight: dict[str, Any] | None = None
    ended: float | None = None
    outcome: Outcome | None = None
    cause: str = ""
    figures: dict[str, Any] | None = None

    @property
    def plan(self) -> Plan:
        """Read anew each time, since few who look at deployments look at their steps.

        Raises:
            JournalError: it is none that this version of comporta knows.
        """
        from comporta.steps.plan import Plan

        return _read(self.written, Plan, self.number)

    @property
    def is_rollback(self) -> bool:
        return self.strategy == "rollback"

    @property
    def seconds(self) -> float | None:
        return None if self.ended is None else max(0.0, self.ended - self.started)


def opening(
    plan: Plan,
    reason: str,
    cursor: str | None,
    proxy: str | None = None,
    *,
    automatic: int | None = None,
    preflight: dict[str, Any] | None = None,
    approval: Approval | None = None,
    traceparent: str = "",
) -> dict[str, Any]:
    """What the OPENED record of a deployment holds: everything that is needed to go on after a crash."""
    facts: dict[str, Any] = {"plan": to_json(plan), "reason": reason, "cursor": cursor, "proxy": proxy}
    facts |= {} if automatic is None else {"automatic": automatic}
    facts |= {} if approval is None else {"approval": to_json(approval)}
    facts |= {"traceparent": traceparent} if traceparent else {}
    return facts | ({"preflight": preflight} if preflight else {})


def deployment_of(opened: Record, finished: Record | None) -> Deployment:
    """The deployment that an OPENED (or only a REQUESTED) record began.

    Raises:
        JournalError: what its plan is about cannot be read.
    """
    assert opened.deployment is not None, "an OPENED record has a number"
    approval = opened.data.get("approval")
    heading = _read(opened.data["plan"], Heading, opened.deployment)
    figures = dict(finished.data) if finished else {}
    return Deployment(
        number=opened.deployment,
        environment=opened.environment,
        strategy=heading.strategy,
        version=heading.release.version,
        release=heading.release.number,
        replaces=heading.replaces.version if heading.replaces else None,
        actor=opened.actor,
        reason=opened.data["reason"],
        started=opened.at,
        cursor=opened.data["cursor"],
        proxy=opened.data.get("proxy"),
        written=opened.data["plan"],
        automatic=opened.data.get("automatic"),
        approval=from_json(approval, Approval) if approval else None,
        requested=opened.kind is Kind.REQUESTED,
        preflight=opened.data.get("preflight"),
        ended=finished.at if finished else None,
        outcome=Outcome(figures.pop("outcome")) if finished else None,
        cause=figures.pop("cause", ""),
        figures=figures,
    )


def _read(written: dict[str, Any], kind: type[T], deployment: int) -> T:
    try:
        return from_json(written, kind)
    except msgspec.ValidationError as error:
        raise JournalError(
            f"cannot read the plan of deployment {deployment}: {error}",
            next="another version of comporta wrote it, or somebody changed it: `comporta audit verify` tells",
        ) from None


def losses(figures: dict[str, Any]) -> str:
    """How many requests were lost, in words."""
    if figures["lost"] is None:
        return "how many were lost is not known, as the proxy was down in between"
    return f"{figures['lost']} lost"


async def deployments(journal: Journal, environment: str | None, limit: int | None = None) -> list[Deployment]:
    """The deployments of an environment (or of all), newest first."""
    opened = await journal.find(environment=environment, kinds=(Kind.OPENED,), limit=limit)
    # A deployment can be finished twice: as an incident, and again when a person has settled it. The last one counts.
    # All of that comes after the first of them began.
    ends: dict[int | None, Record] = {}
    first = opened[-1].sequence if opened else None
    for record in await journal.find(environment=environment, kinds=(Kind.FINISHED,), after=first):
        ends.setdefault(record.deployment, record)
    return [deployment_of(record, ends.get(record.deployment)) for record in opened]


async def unfinished(journal: Journal, environment: str) -> Deployment | None:
    """The deployment that is under way, or was interrupted; None if the last one ended."""
    latest = await deployments(journal, environment, limit=1)
    return latest[0] if latest and latest[0].outcome is None else None


async def find_deployment(journal: Journal, number: int) -> tuple[Deployment, Standing, list[Record]]:
    """One deployment by its number, where its steps stand, and all its records.

    Raises:
        UsageError: there is none with this number.
    """
    records = await journal.records(number)
    opened = beginning(records)
    if opened is None:
        raise UsageError(f"cannot find deployment {number}", next="`comporta history` lists them all")
    finished = next((r for r in reversed(records) if r.kind is Kind.FINISHED), None)
    found = deployment_of(opened, finished)
    return found, fold(found.plan, records), records


def beginning(records: Sequence[Record]) -> Record | None:
    """The record that tells what a deployment is to do: where it was approved and begun, the one that began it."""
    begun = [r for r in records if r.kind in (Kind.REQUESTED, Kind.OPENED)]
    return begun[-1] if begun else None


async def how_to_settle(journal: Journal, number: int) -> str:
    """What to do about an interrupted deployment."""
    deployment, standing, _ = await find_deployment(journal, number)
    if goes_back(deployment.plan, standing):
        return "it was being undone: `comporta resume` goes on with that"
    if not can_abort(deployment.plan, standing):
        return "`comporta resume` finishes it; it is past its point of no return"
    return "`comporta resume` finishes it, `comporta abort` undoes it"


async def releases(journal: Journal, environment: str) -> list[Release]:
    """The releases of an environment, newest first."""
    records = await journal.find(environment=environment, kinds=(Kind.RELEASE,))
    return [from_json(record.data, Release) for record in records]
