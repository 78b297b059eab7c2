"""Plans with a database: what is applied or undone, where in the order, and back to what."""

from __future__ import annotations

import msgspec
import pytest

from comporta.app.deploy import Strategy
from comporta.model.migrations import Migration, Phase
from comporta.model.schema import Schema, Undoing
from comporta.model.snapshot import Snapshot
from comporta.model.traffic import Slot
from comporta.model.values import from_json, to_json
from comporta.steps.downgrade_database import DowngradeDatabase
from comporta.steps.migrate_database import MigrateDatabase
from comporta.steps.plan import Plan
from comporta.steps.set_maintenance import SetMaintenance
from comporta.strategies import blue_green, canary, emergency, rollback, rolling
from support import specs
from support.snapshots import serving

STRATEGIES = pytest.mark.parametrize("strategy", [blue_green.plan, canary.plan, rolling.plan, emergency.plan])


def migration(revision: str) -> Migration:
    return Migration(revision=revision, title="", file=f"{revision}.sql", scripts=None, reversible=True)


def kinds(plan: Plan) -> list[str]:
    return [type(step).__name__ for step in plan.steps]


def beside(schema: Schema | None) -> Snapshot:
    return msgspec.structs.replace(serving(Slot.BLUE), schema=schema)


@STRATEGIES
def test_nothing_pending_is_no_step(strategy: Strategy):
    for schema in (None, Schema(revision="1", contract=(migration("2"),))):
        plan = strategy(specs.spec(), beside(schema), specs.release(3))
        assert not {"MigrateDatabase", "BackUpDatabase"} & {*kinds(plan)}


@STRATEGIES
def test_what_is_pending_is_applied_before_the_candidate_starts(strategy: Strategy):
    schema = Schema(revision="1", expand=(migration("2"), migration("3")))
    plan = strategy(specs.spec(), beside(schema), specs.release(3))
    order = kinds(plan)
    assert order.index("ConfigureRouter") < order.index("MigrateDatabase") < order.index("StartInstances")
    assert ("BackUpDatabase" in order) is (strategy is not emergency.plan)
    (step,) = [step for step in plan.steps if isinstance(step, MigrateDatabase)]
    assert (step.to, step.back_to, step.names) == ("3", "1", ("2", "3"))
    assert step.witness is not None
    assert (step.witness.slot, step.witness.release) == (Slot.BLUE, specs.release(2).ref)
    assert from_json(to_json(plan), Plan) == plan


def test_a_release_that_is_down_is_no_witness():
    schema = Schema(revision="1", expand=(migration("2"),))
    snapshot = msgspec.structs.replace(serving(Slot.BLUE, up=False), schema=schema)
    plan = blue_green.plan(specs.spec(), snapshot, specs.release(3))
    assert [step.witness for step in plan.steps if isinstance(step, MigrateDatabase)] == [None]


UNDOING = Undoing(
    artifact=specs.release(2).artifact,
    migrations=(migration("3"), migration("2")),
    to="1",
    phases=(Phase.CONTRACT, Phase.CONTRACT),
)


def test_a_rollback_that_restores_shows_the_page_meanwhile_and_takes_it_down_when_it_is_undone():
    undoing = msgspec.structs.replace(UNDOING, backup="20260101T000000Z-aa")
    snapshot = beside(Schema(revision="3", undoing=undoing))
    plan = rollback.plan(specs.spec(), snapshot, specs.release(1), page="<p>Soon")
    order = kinds(plan)
    assert plan.steps[0] == SetMaintenance(page="<p>Soon", served=True)
    assert order.index("BackUpDatabase") + 1 == order.index("RestoreDatabase") < order.index("StartInstances")
    assert order.index("ShiftTraffic") < len(order) - 1 - order[::-1].index("SetMaintenance")
    assert from_json(to_json(plan), Plan) == plan


def test_a_rollback_backs_up_and_downgrades_before_the_release_starts():
    plan = rollback.plan(specs.spec(), beside(Schema(revision="3", undoing=UNDOING)), specs.release(1))
    order = kinds(plan)
    assert order.index("BackUpDatabase") + 1 == order.index("DowngradeDatabase") < order.index("StartInstances")
    (step,) = [step for step in plan.steps if isinstance(step, DowngradeDatabase)]
    assert (step.to, step.back_to, step.undone) == ("1", "3", ("3", "2"))
    assert from_json(to_json(plan), Plan) == plan
