"""What a record of the journal is told as, and who gets it."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from comporta.app.deployments import opening
from comporta.app.messages import message_of
from comporta.config.receivers import EventName
from comporta.model.journal import Kind, Record
from comporta.model.messages import DEPLOY_FAILED, Event, Message, wanted
from comporta.steps.plan import Plan
from comporta.strategies import blue_green, rollback
from support.records import record
from support.specs import SPEC, nothing_deployed, release

FIRST = blue_green.plan(SPEC, nothing_deployed(), release(1, "1.1.0"))


def opened(plan: Plan = FIRST, automatic: int | None = None) -> Record:
    data = opening(plan, reason="faster search", cursor=None, automatic=automatic)
    return msgspec.structs.replace(record(Kind.OPENED, at=100.0, **data), sequence=7, hash="0123456789abcdef")


def finished(outcome: str, cause: str = "", **figures: Any) -> Record:
    made = record(Kind.FINISHED, at=112.5, outcome=outcome, cause=cause, **figures)
    return msgspec.structs.replace(made, sequence=20, hash="fedcba9876543210")


def told(record: Record, begun: Record | None = None) -> Message:
    return message_of(record, "shop", begun)


def test_a_deployment_that_begins_says_what_who_and_why() -> None:
    message = told(opened())
    assert (message.event, message.severity) == (Event.STARTED, "info")
    assert (message.version, message.release, message.strategy) == ("1.1.0", 1, "blue-green")
    assert (message.actor, message.reason, message.at, message.deployment) == ("tester", "faster search", 100.0, 1)
    assert message.title == "shop test: deployment of 1.1.0 began"
    assert "by tester: faster search" in message.text


@pytest.mark.parametrize(
    ("outcome", "event", "severity", "title", "failed"),
    [
        ("promoted", Event.PROMOTED, "info", "1.1.0 is live", False),
        ("aborted", Event.ABORTED, "warning", "1.1.0 was not deployed, nothing serves", True),
        ("rolled-back", Event.ROLLED_BACK, "warning", "1.1.0 was rolled back, nothing serves", True),
        ("superseded", Event.SUPERSEDED, "info", "the deployment of 1.1.0 was given up", False),
        ("incident", Event.INCIDENT, "critical", "INCIDENT while deploying 1.1.0, a person is needed", True),
    ],
)
def test_each_outcome_is_told_as_what_it_is(
    outcome: str, event: Event, severity: str, title: str, failed: bool
) -> None:
    message = told(finished(outcome, "a check failed", requests=40, lost=2), opened())
    assert (message.event, message.severity, message.failed) == (event, severity, failed)
    assert message.title == f"shop test: {title}"
    assert (message.seconds, message.requests, message.lost) == (12.5, 40, 2)
    assert message.cause == "a check failed"
    assert message.text.startswith("a check failed\n")
    assert "took 12s, 40 requests served meanwhile, 2 lost" in message.text
    assert bool(message.next) is (event is Event.INCIDENT)


def test_what_a_proxy_that_was_down_lost_is_not_told_as_nothing() -> None:
    message = told(finished("aborted", "a check failed", requests=40, lost=None), opened())
    assert (message.requests, message.lost) == (40, None)
    assert "40 requests served meanwhile, how many were lost is not known, as the proxy was down" in message.text


def test_a_rollback_that_was_asked_for_is_told_as_one_and_is_no_failure() -> None:
    plan = rollback.plan(SPEC, nothing_deployed(), release(1, "1.0.0"))
    message = told(finished("promoted"), opened(plan))
    assert (message.event, message.title) == (Event.ROLLED_BACK, "shop test: rolled back to 1.0.0")
    assert wanted(("rolled-back",), message)
    assert not wanted((DEPLOY_FAILED,), message)


def test_an_automatic_rollback_says_after_which_deployment() -> None:
    plan = rollback.plan(SPEC, nothing_deployed(), release(1, "1.0.0"))
    assert "automatic, after deployment 4: faster search" in told(opened(plan, automatic=4)).text


@pytest.mark.parametrize(("crossed", "event"), [(True, Event.THRESHOLD_CROSSED), (False, Event.THRESHOLD_CLEARED)])
def test_a_threshold_is_told_both_ways(crossed: bool, event: Event) -> None:
    alert = record(Kind.ALERT, name="errors", crossed=crossed, message="7 % of the requests fail", severity="critical")
    message = told(alert)
    assert (message.event, message.severity) == (event, "critical" if crossed else "info")
    assert "errors" in message.title
    assert message.text == "7 % of the requests fail"


@pytest.mark.parametrize(("on", "event"), [(True, Event.MAINTENANCE_ON), (False, Event.MAINTENANCE_OFF)])
def test_maintenance_is_told_both_ways(on: bool, event: Event) -> None:
    message = told(record(Kind.MAINTENANCE, on=on, message="new disks"))
    assert (message.event, message.text) == (event, "new disks\nby tester")


def test_the_id_belongs_to_one_record_and_never_changes() -> None:
    begun = opened()
    assert told(begun).id == told(begun).id == "test-7-01234567"
    assert told(finished("aborted"), begun).id == "test-20-fedcba98"


def test_every_fact_is_there_for_programs_also_where_it_is_empty() -> None:
    assert list(told(opened()).facts()) == list(Message.__struct_fields__)


def test_a_receiver_gets_what_it_asks_for() -> None:
    failed, good = told(finished("aborted"), opened()), told(finished("promoted"), opened())
    assert wanted((), failed)
    assert wanted((), good)
    assert wanted((DEPLOY_FAILED,), failed)
    assert not wanted((DEPLOY_FAILED, "incident"), good)
    assert wanted(("promoted",), good)


def test_the_config_knows_every_event_that_happens() -> None:
    assert set(get_args(EventName)) == {event.value for event in Event} - {"test"} | {DEPLOY_FAILED}


@pytest.mark.parametrize("outcome", ["aborted", "rolled-back"])
def test_an_automatic_rollback_that_fails_needs_a_person(outcome: str) -> None:
    plan = rollback.plan(SPEC, nothing_deployed(), release(1, "1.1.0"))
    message = told(finished(outcome, "a check failed"), opened(plan, automatic=4))
    assert (message.event, message.severity) == (Event.INCIDENT, "critical")
    assert "the automatic rollback to 1.1.0 failed" in message.title
    assert "a person is needed" in message.next
