"""Deployments with a database on virtual time: killed and failing anywhere, and what serves lives with the schema."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from comporta.app.context import Context
from comporta.app.contracting import contract
from comporta.app.deploy import AlreadyLive, deploy
from comporta.app.history import Wanted, with_contracts
from comporta.app.losing import Agreed
from comporta.app.planning import Planned, plan_deployment
from comporta.app.rollback import rollback
from comporta.app.running import Ended
from comporta.app.settling import abort, resume
from comporta.model.errors import ComportaError, MigrationFailed, Refused, UsageError
from comporta.model.journal import Kind, Outcome
from comporta.model.migrations import Migration, Script
from comporta.model.spec import BlueGreenSpec
from comporta.model.traffic import Slot
from comporta.strategies import blue_green
from simulation.world import Crash, Fault, World
from support import specs

WAITS = BlueGreenSpec(stabilize=5.0, drain=10.0, final_timeout=10.0, keep_warm=3600.0)
MOMENTS = range(200)
"""More than there are in any of these: whoever goes through them ends where nothing strikes any more."""


def migration(revision: str, sql: str, *, reversible: bool = True) -> Migration:
    return Migration(
        revision=revision, title="", file=f"{revision}.up.sql", scripts=(Script(sql=sql),), reversible=reversible
    )


WRONG = [("crash", resume), ("crash", lambda ctx: abort(ctx, None)), ("fail", resume), ("abort", resume)]
"""What goes wrong, and what a person does then where something is left to settle."""

ORDERS = migration("0001", "CREATE TABLE orders (id bigint);")
NOTE = migration("0002", "ALTER TABLE orders ADD COLUMN note text;")
DROP = migration("0003", "-- comporta: contract\nALTER TABLE orders DROP COLUMN legacy;")
RENAME = migration("0002", "ALTER TABLE orders RENAME COLUMN legacy TO note;")
FINAL = migration("0003", "-- comporta: contract\nALTER TABLE orders DROP COLUMN legacy;", reversible=False)
LATE = migration("0004", "ALTER TABLE orders ADD COLUMN more text;")


def world(*versions: str, **changes: tuple[Migration, ...]) -> World:
    """1.0.0 brings 0001, 1.1.0 adds 0002 and the contract 0003. These versions were deployed; the last one serves."""
    brought = {"1.0.0": (ORDERS,), "1.1.0": (ORDERS, NOTE, DROP), "1.2.0": (ORDERS, NOTE, DROP, LATE)}
    brought |= {version.replace("_", "."): migrations for version, migrations in changes.items()}
    made = World(specs.spec(blue_green=WAITS), migrations=brought, intolerant={"1.0.0": {"0003"}})
    for version in versions:
        made.run(deploying(version))
        made.wait(600.0)
    return made


def deploying(version: str) -> Callable[[Context], Awaitable[Ended | AlreadyLive]]:
    return lambda ctx: deploy(ctx, version, blue_green.plan)


def back(ctx: Context) -> Awaitable[Ended | AlreadyLive]:
    return rollback(ctx, to="1.0.0", agreed=Agreed(loss=True))


def restoring(ctx: Context) -> Awaitable[Ended | AlreadyLive]:
    return rollback(ctx, to="1.0.0", agreed=Agreed(loss=True, restore=True))


def live(made: World) -> str:
    serving = made.snapshot().live
    assert serving is not None
    assert serving.running
    assert serving.occupant is not None
    return serving.occupant.release.version


def lives(made: World) -> None:
    """What serves lives with what is applied, and no request met anything else."""
    assert not made.intolerant.get(live(made), set()) & {*made.database.applied}
    assert made.broken == []


def refused(made: World, use_case: Callable[[Context], Awaitable[object]], error: type[ComportaError]) -> ComportaError:
    before, applied, opened = made.snapshot(), [*made.database.applied], len(made.records(Kind.OPENED))
    with pytest.raises(error) as caught:
        made.run(use_case)
    assert (made.snapshot(), made.database.applied, len(made.records(Kind.OPENED))) == (before, applied, opened)
    return caught.value


def test_what_is_additive_is_applied_before_the_switch_and_stays_after_a_rollback():
    made = world("1.0.0", "1.1.0")
    assert made.database.applied == ["0001", "0002"]
    made.run(lambda ctx: rollback(ctx))
    assert live(made) == "1.0.0"
    assert made.database.applied == ["0001", "0002"]
    assert [reason for reason, _ in made.vault.kept] == ["deployment 2: before migrating it to 0002"]


def test_the_first_deployment_of_all_applies_everything_and_needs_no_backup():
    made = world("1.1.0")
    assert made.database.applied == ["0001", "0002", "0003"]
    assert made.vault.kept == []


def test_a_plan_shows_the_migration_and_changes_nothing():
    made = world("1.0.0")
    planned = made.run(lambda ctx: plan_deployment(ctx, "1.1.0", blue_green.plan))
    assert isinstance(planned, Planned)
    assert "migrate the database: 0002, and see that 1.0.0 lives with it" in [s.title for s in planned.plan.steps]
    assert made.database.applied == ["0001"]


def test_what_is_not_safe_is_refused_before_anything_changes():
    error = refused(world("1.0.0", **{"1_1_0": (ORDERS, RENAME)}), deploying("1.1.0"), MigrationFailed)
    assert any(line.startswith("0002.up.sql:1: ") for line in error.details)


def test_a_release_that_needs_what_still_waits_is_refused():
    error = refused(world("1.0.0"), deploying("1.2.0"), Refused)
    assert "0004" in error.message


def test_what_the_live_release_does_not_live_with_is_undone():
    made = world("1.0.0")
    made.intolerant["1.0.0"] = {"0002"}
    ended = made.run(deploying("1.1.0"))
    assert isinstance(ended, Ended)
    assert ended.deployment.outcome is Outcome.ABORTED
    assert made.database.applied == ["0001"]
    assert "does not live with it; it was undone" in ended.deployment.cause
    lives(made)


def test_what_was_wrong_with_the_live_release_before_says_nothing_about_a_migration():
    made = world("1.0.0")
    made.sick.add("1.0.0")
    ended = made.run(deploying("1.1.0"))
    assert isinstance(ended, Ended)
    assert (ended.deployment.outcome, live(made)) == (Outcome.PROMOTED, "1.1.0")


def test_a_contract_waits_for_the_watch_window():
    made = world("1.0.0")
    made.run(deploying("1.1.0"))
    refused(made, contract, Refused)
    refused(made, lambda ctx: contract(ctx, now=True), UsageError)
    made.wait(300.0)
    made.run(contract)
    assert made.database.applied == ["0001", "0002", "0003"]
    assert made.snapshot().slot(Slot.BLUE).occupant is None  # 1.0.0 was warm there
    assert made.run(contract).applied == ()
    lives(made)


def test_a_contract_that_the_live_release_does_not_live_with_is_undone():
    made = world("1.0.0", "1.1.0")
    made.intolerant["1.1.0"] = {"0003"}
    with pytest.raises(ComportaError, match="does not live with it"):
        made.run(contract)
    assert made.database.applied == ["0001", "0002"]


def test_a_rollback_across_a_contract_undoes_just_that():
    made = world("1.0.0", "1.1.0")
    made.run(contract)
    made.run(back)
    assert (live(made), made.database.applied) == ("1.0.0", ["0001", "0002"])
    assert made.vault.kept[-1] == ("deployment 3: before going back to 1.0.0", ("0001", "0002", "0003"))
    lives(made)


def test_nobody_but_a_person_loses_data():
    made = world("1.0.0", "1.1.0")
    made.run(contract)
    assert "by itself" in refused(made, lambda ctx: rollback(ctx, automatic=2), Refused).message


def test_there_is_no_way_back_where_a_migration_has_none_but_the_backup_from_before_it():
    made = world("1.0.0", "1.1.0", **{"1_1_0": (ORDERS, NOTE, FINAL)})
    made.run(contract)
    error = refused(made, back, Refused)
    assert "--restore-backup" in error.next
    assert any("written since backup 1" in line for line in error.details)
    made.run(restoring)
    assert (live(made), made.database.applied) == ("1.0.0", ["0001", "0002"])
    assert [applied for _, applied in made.vault.kept][-1] == ("0001", "0002", "0003"), "the newest is from just before"
    lives(made)


def test_without_a_backup_from_before_it_the_way_back_is_refused():
    made = world("1.0.0", "1.1.0", **{"1_1_0": (ORDERS, NOTE, FINAL)})
    made.run(contract)
    made.vault.kept.clear()
    assert "no verified backup" in refused(made, restoring, Refused).message


def test_an_earlier_version_is_not_deployed_onto_what_it_cannot_live_with():
    made = world("1.0.0", "1.1.0")
    made.run(contract)
    assert "0003" in refused(made, lambda ctx: deploy(ctx, "1.0.0", blue_green.plan), Refused).message


@pytest.mark.parametrize("tolerant", [True, False])
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "settle"), WRONG, ids=["crash-resume", "crash-abort", "fail", "abort"])
def test_a_deployment_goes_wrong_at_any_moment(
    kind: str, settle: Callable[[Context], Awaitable[Ended]], tolerant: bool
):
    for moment in MOMENTS:
        made = world("1.0.0")
        if not tolerant:
            made.intolerant["1.0.0"] = {"0002"}
        interrupted(made, deploying("1.1.0"), Fault(kind, moment), settle)
        if not made.struck:
            return
        lives(made)
        assert live(made) == "1.1.0" or tolerant or made.database.applied == ["0001"]
        assert tolerant is False or made.run(deploying("1.1.0")) is not None
        assert tolerant is False or (live(made), made.database.applied) == ("1.1.0", ["0001", "0002"])


@pytest.mark.slow
@pytest.mark.parametrize(("last", "way"), [(DROP, back), (FINAL, restoring)], ids=["undone", "restored"])
@pytest.mark.parametrize(("kind", "settle"), WRONG, ids=["crash-resume", "crash-abort", "fail", "abort"])
def test_a_rollback_across_a_contract_goes_wrong_at_any_moment(
    kind: str,
    settle: Callable[[Context], Awaitable[Ended]],
    last: Migration,
    way: Callable[[Context], Awaitable[Ended | AlreadyLive]],
):
    for moment in MOMENTS:
        made = world("1.0.0", "1.1.0", **{"1_1_0": (ORDERS, NOTE, last)})
        made.run(contract)
        interrupted(made, way, Fault(kind, moment), settle)
        if not made.struck:
            return
        lives(made)
        if live(made) == "1.1.0":
            assert made.database.applied == ["0001", "0002", "0003"]


@pytest.mark.slow
def test_a_restart_of_the_database_in_a_rollback_is_waited_for_and_no_backup_takes_over():
    turned = 0
    for moment in MOMENTS:
        made = world("1.0.0", "1.1.0")
        made.run(contract)
        ended = made.run(back, Fault("restart", moment))
        assert isinstance(ended, Ended)
        assert ended.deployment.outcome in (Outcome.PROMOTED, Outcome.ABORTED)
        turned += ended.deployment.outcome is Outcome.ABORTED
        lives(made)
        assert made.database.applied == ["0001", "0002", "0003"][: 2 if live(made) == "1.0.0" else 3]
        assert made.vault.brought_back == []
        if not made.struck:
            break
    assert turned == 2, "before the way back was gone, and just after"


def test_the_history_has_contracts_that_failed_were_cut_off_and_were_applied():
    made = world("1.0.0", "1.1.0")
    made.database.failing.add("0003")
    with pytest.raises(MigrationFailed):
        made.run(contract)
    made.database.failing.clear()
    with pytest.raises(Crash):
        made.run(contract, Fault("crash", 1))
    made.run(contract)
    told = made.run(lambda ctx: with_contracts(ctx, Wanted(None), 4))
    assert [one.outcome for one in told] == ["applied", None, "failed", Outcome.PROMOTED]
    assert [one.cause for one in told] == ["", "", "cannot apply 0003.up.sql: it is made to fail", ""]
    promoted = made.run(lambda ctx: with_contracts(ctx, Wanted(None, ["promoted"]), 9))
    assert [one.version for one in promoted] == ["1.1.0", "1.0.0"]


def test_a_contract_is_killed_at_any_moment_and_given_again():
    for moment in MOMENTS:
        made = world("1.0.0", "1.1.0")
        try:
            made.run(contract, Fault("crash", moment))
            return  # nothing strikes any more
        except Crash:
            lives(made)
            made.run(contract)
        assert made.database.applied == ["0001", "0002", "0003"]
        lives(made)


def interrupted(
    made: World,
    use_case: Callable[[Context], Awaitable[object]],
    fault: Fault,
    settle: Callable[[Context], Awaitable[Ended]],
) -> None:
    """It goes wrong, and a person settles what is left."""
    try:
        made.run(use_case, fault)
    except Crash:
        try:
            made.run(settle)
        except UsageError:
            # It had not begun, or was past its point of no return.
            try:
                made.run(resume)
            except UsageError:
                return
    except ComportaError:
        return
