"""What several strategies share: questions that users wait for, the way back, and the router's ports."""

from __future__ import annotations

import msgspec
import pytest

from comporta.model.checks import CommandCheck, HttpCheck
from comporta.model.migrations import Migration
from comporta.model.schema import Schema
from comporta.model.spec import BlueGreenSpec, HealthSpec
from comporta.model.traffic import Slot
from comporta.steps.drain_slot import DrainSlot
from comporta.steps.keep_warm import KeepWarm
from comporta.steps.prove_live import ProveLive
from comporta.strategies import parts
from support import specs
from support.snapshots import serving

COMMAND, HTTP = CommandCheck(name="disk", run=("true",)), HttpCheck(name="api", path="/ready")


@pytest.mark.parametrize(
    ("interval", "timeout", "expected"), [(1.0, 30.0, (0.2, 10.0)), (0.1, 30.0, (0.1, 10.0)), (1.0, 5.0, (0.2, 5.0))]
)
def test_what_users_wait_for_is_asked_five_times_a_second_and_for_no_longer_than_any_check(
    interval: float, timeout: float, expected: tuple[float, float]
) -> None:
    spec = specs.spec(health=HealthSpec(checks=(HTTP, COMMAND), interval=interval, timeout=timeout))
    asked = parts.liveness(spec, Slot.GREEN, 2, timeout=10.0)
    assert (asked.interval, asked.timeout) == expected
    assert (asked.slot, asked.instances, asked.checks) == (Slot.GREEN, 2, (HTTP,))


def test_which_release_answers_is_seen_at_the_first_check_over_http_or_at_the_root() -> None:
    assert parts.proof_path(specs.spec(health=HealthSpec(checks=(COMMAND, HTTP)))) == "/ready"
    assert parts.proof_path(specs.spec(health=HealthSpec(checks=(COMMAND,)))) == "/"


def test_what_served_is_drained_and_kept_warm_however_short() -> None:
    spec = specs.spec(blue_green=BlueGreenSpec(keep_warm=0.5, drain=7.0))
    assert parts.retire(spec, serving(Slot.BLUE), specs.release(3)) == [
        DrainSlot(slot=Slot.BLUE, bound=7.0),
        KeepWarm(slot=Slot.BLUE, seconds=0.5),
        ProveLive(release=specs.release(3).ref, path="/health"),
    ]


def test_a_database_is_backed_up_before_it_is_migrated_where_there_is_something_to_lose() -> None:
    pending = (Migration(revision="2", title="", file="2.sql", scripts=None, reversible=True),)

    def steps(revision: str | None, **asked: bool) -> list[str]:
        snapshot = msgspec.structs.replace(serving(Slot.BLUE), schema=Schema(revision=revision, expand=pending))
        return [type(step).__name__ for step in parts.migrated(specs.SPEC, snapshot, specs.release(3), **asked)]

    assert steps("1") == ["BackUpDatabase", "MigrateDatabase"]
    assert steps("1", backup=False) == ["MigrateDatabase"]
    assert steps(None) == ["MigrateDatabase"]


def test_the_router_knows_no_more_instances_than_a_slot_has_ports() -> None:
    few = specs.spec(green=msgspec.structs.replace(specs.SPEC.green, last=specs.SPEC.green.first + 2))
    known = parts.topology(few, serving(Slot.BLUE, instances=5))
    assert (len(known.blue), len(known.green)) == (5, 3)
