"""Going on with a damaged journal, in the simulated world: what is whole stays, and what runs is known again."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from comporta.app.deploy import deploy
from comporta.app.locking import lock
from comporta.app.recovering import recover
from comporta.app.rollback import rollback
from comporta.app.running import Ended
from comporta.model.errors import JournalDamaged, LeaseHeld, UsageError
from comporta.model.journal import Kind
from comporta.model.spec import BlueGreenSpec
from comporta.strategies import blue_green
from simulation.virtual_time import at_once
from simulation.world import World
from support import specs


def world() -> World:
    """1.1.0 serves, and 1.0.0 is warm."""
    made = World(specs.spec(blue_green=BlueGreenSpec(stabilize=5.0, drain=10.0, final_timeout=10.0, keep_warm=3600.0)))
    for version in ("1.0.0", "1.1.0"):
        made.run(lambda ctx, version=version: deploy(ctx, version, blue_green.plan))
        made.wait(600.0)
    return made


def everything(made: World) -> None:
    made.journal.all = []


def its_second_half(made: World) -> None:
    """From the release of 1.1.0 on."""
    (first, second) = [r.sequence for r in made.journal.all if r.kind is Kind.RELEASE]
    assert first < second
    made.journal.all = made.journal.all[: second - 1]


@pytest.mark.parametrize("lost", [everything, its_second_half])
def test_what_is_lost_and_runs_is_known_again(lost: Callable[[World], None]) -> None:
    made = world()
    lost(made)
    with pytest.raises(JournalDamaged, match=r"does not know what runs: .*1\.1\.0 \(release 2\)"):
        made.run(lambda ctx: deploy(ctx, "1.2.0", blue_green.plan))
    done = made.run(recover)
    assert done.serving == ("1.1.0 (release 2)", 2)
    assert "1.1.0 (release 2)" in done.found
    assert at_once(made.journal.verify()) is None
    back = made.run(lambda ctx: rollback(ctx, to="1.0.0"))
    assert isinstance(back, Ended)
    assert back.exit_code == 0
    new = made.run(lambda ctx: deploy(ctx, "1.2.0", blue_green.plan))
    assert isinstance(new, Ended)
    assert new.deployment.release == 3, "no number comes again"


def test_a_damaged_record_of_a_step_costs_that_record_only() -> None:
    made = world()
    place = next(n for n, record in enumerate(made.journal.all) if record.kind is Kind.DONE)
    made.journal.all[place] = msgspec.structs.replace(made.journal.all[place], data={"damaged": 1})
    before = len(made.journal.all)
    done = made.run(recover)
    assert (done.salvage.lost, done.found, len(made.journal.all)) == ((place + 1,), (), before)
    assert made.journal.all[place].kind is Kind.RECOVERED
    back = made.run(rollback)
    assert isinstance(back, Ended)
    assert back.deployment.version == "1.0.0"


def test_nothing_is_set_aside_under_a_holder_or_without_need() -> None:
    made = world()
    with pytest.raises(UsageError, match="nothing is wrong"):
        made.run(recover)
    made.run(lambda ctx: lock(ctx, "audit today"))
    everything(made)
    with pytest.raises(LeaseHeld, match="audit today"):
        made.run(recover)
    assert made.journal.aside == []
