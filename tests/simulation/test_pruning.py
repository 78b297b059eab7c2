"""Pruning on virtual time: whatever goes, every release that a rollback may want can be gone back to."""

from __future__ import annotations

from contextlib import suppress

import pytest
import trio
from msgspec.structs import replace

from comporta.app.context import Context
from comporta.app.deploy import Interrupted, deploy
from comporta.app.locking import lock
from comporta.app.pruning import Pruned, prune
from comporta.app.rollback import rollback
from comporta.model.errors import ComportaError, LeaseHeld, Refused, RuntimeFailure
from comporta.model.journal import Kind
from comporta.model.spec import BlueGreenSpec
from comporta.strategies import blue_green
from simulation.world import Crash, Fault, People, World
from support import specs

KEEP = 2
WAITS = BlueGreenSpec(stabilize=5.0, drain=10.0, final_timeout=10.0, keep_warm=60.0)
GOOD, SHORT = 600.0, 20.0
"""Seconds that a release serves: long enough to be known as good, and not."""


def version(number: int) -> str:
    return f"1.{number}.0"


def world(*served: float, sick: set[str] | None = None) -> World:
    """One version after the other was deployed, and served so many seconds."""
    made = World(specs.spec(blue_green=WAITS, keep_failed=60.0), sick=sick or set())
    made.runtime.keep = KEEP
    made.versions.update({version(number): f"sha256:{number}" for number in range(30)})
    for number, seconds in enumerate(served):
        deployed(made, number, seconds)
    return made


def deployed(made: World, number: int, seconds: float = GOOD) -> None:
    made.run(lambda ctx: deploy(ctx, version(number), blue_green.plan))
    made.wait(seconds)


def pruned(made: World) -> Pruned:
    return made.run(prune)


def there(made: World, upto: int) -> list[str]:
    """Those of the first versions whose artifact is there."""
    return [version(number) for number in range(upto) if version(number) in made.versions]


def live(made: World) -> str:
    serving = made.snapshot().live
    assert serving is not None
    assert serving.running
    assert serving.occupant is not None
    return serving.occupant.release.version


def refused(made: World, error: type[ComportaError], fault: Fault | None = None) -> None:
    before = dict(made.versions)
    with pytest.raises(error):
        made.run(prune, fault)
    assert made.versions == before


CASES = {
    "all are good": ((GOOD,) * 6, ["1.3.0", "1.4.0", "1.5.0"]),
    "the good ones are long ago": ((GOOD, GOOD, GOOD, *(SHORT,) * 5), ["1.1.0", "1.2.0", "1.5.0", "1.6.0", "1.7.0"]),
    "none is known to be good": ((SHORT,) * 6, ["1.3.0", "1.4.0", "1.5.0"]),
    "fewer than are kept": ((GOOD,) * 3, ["1.0.0", "1.1.0", "1.2.0"]),
}


@pytest.mark.parametrize("case", CASES)
def test_every_release_that_stays_can_be_gone_back_to(case: str) -> None:
    served, stay = CASES[case]
    for target in (None, *stay[:-1]):
        made = world(*served)
        assert sorted(pruned(made).stay) == stay
        assert there(made, len(served)) == stay
        made.run(lambda ctx, target=target: rollback(ctx, to=target))
        assert live(made) == target or target is None
        assert (made.broken, made.leases()) == ([], None)


def test_the_last_known_good_one_stays_however_many_failed_since() -> None:
    made = world(GOOD, GOOD, sick={version(number) for number in range(2, 20)})
    for number in range(2, 20):
        deployed(made, number, seconds=100.0)
    pruned(made)
    assert there(made, 20) == ["1.0.0", "1.1.0", "1.19.0"], "the last attempt may have to be looked into"
    made.run(rollback)
    assert live(made) == "1.0.0"


def test_what_was_rolled_back_goes_and_the_line_before_it_stays() -> None:
    made = world(*(GOOD,) * 5)
    made.run(rollback)
    made.wait(GOOD)
    deployed(made, 5)
    pruned(made)
    assert there(made, 6) == ["1.2.0", "1.3.0", "1.5.0"]


def test_what_is_warm_or_kept_for_a_look_stays() -> None:
    made = world(*(GOOD,) * 4, sick={"1.4.0"})
    deployed(made, 4, seconds=1.0)
    pruned(made)
    green, blue = (made.snapshot().slot(slot).occupant for slot in made.runtime._seats)
    occupants = {occupant.release.version for occupant in (green, blue) if occupant}
    assert occupants == {"1.3.0", "1.4.0"}
    assert occupants <= set(there(made, 5))


def test_a_version_that_was_never_deployed_stays() -> None:
    made = world(*(GOOD,) * 5)
    pruned(made)
    assert len(made.versions) == 30 - 2


def test_what_another_environment_needs_stays() -> None:
    made = world(*(GOOD,) * 3)
    staging = replace_environment(made, "staging")
    for number in range(3, 8):
        deployed(staging, number)
    pruned(staging)
    assert there(made, 8) == ["1.0.0", "1.1.0", "1.2.0", "1.5.0", "1.6.0", "1.7.0"]


def replace_environment(made: World, name: str) -> World:
    """Another environment of the same service: the same artifacts, the same journal."""
    other = World(specs.spec(blue_green=WAITS, environment=name))
    other.clock, other.journal, other.versions = made.clock, made.journal, made.versions
    other.runtime._clock, other.runtime.versions, other.runtime.keep = made.clock, made.versions, KEEP
    other.probe._clock = made.clock
    return other


@pytest.mark.parametrize("at", range(8))
def test_killed_anywhere_the_next_one_goes_on(at: int) -> None:
    made = world(*(GOOD,) * 6)
    with suppress(Crash):
        made.run(prune, Fault("crash", at))
    assert set(there(made, 6)) >= {"1.3.0", "1.4.0", "1.5.0"}
    pruned(made)
    assert there(made, 6) == ["1.3.0", "1.4.0", "1.5.0"]
    assert made.leases() is None


def test_the_journal_tells_what_was_to_be_removed_and_that_it_was() -> None:
    made = world(*(GOOD,) * 4)
    pruned(made)
    before, after = made.records(Kind.PRUNED)
    assert [leftover["version"] for leftover in before.data["leftovers"]] == ["1.0.0"]
    assert (before.data["did"], after.data) == ("removing", {"did": "removed", "bytes": 1000})
    assert pruned(made).removed == ()
    assert len(made.records(Kind.PRUNED)) == 2


def test_a_failure_is_told_and_the_next_one_goes_on() -> None:
    made = world(*(GOOD,) * 5)
    refused(made, RuntimeFailure, Fault("fail", 0))
    pruned(made)
    assert there(made, 5) == ["1.2.0", "1.3.0", "1.4.0"]


def test_a_dry_run_only_tells() -> None:
    made = world(*(GOOD,) * 5)
    before = dict(made.versions)
    found = made.run(lambda ctx: prune(ctx, dry_run=True))
    assert [leftover.version for leftover in found.removed] == ["1.1.0", "1.0.0"]
    assert (made.versions, made.records(Kind.PRUNED)) == (before, [])


def test_it_is_refused_while_somebody_else_works_or_something_is_to_be_settled() -> None:
    made = world(*(GOOD,) * 5)
    with suppress(Crash):
        made.run(lambda ctx: deploy(ctx, "1.5.0", blue_green.plan), Fault("crash", 8))
    refused(made, Interrupted)
    made.run(lambda ctx: lock(ctx, "not now"))
    refused(made, LeaseHeld)


class Cautious(People):
    """Says no; and before that, somebody else has had the time for something."""

    def __init__(self, made: World, *, answer: bool) -> None:
        self.made = made
        self.answer = answer

    async def confirm(self, question: str) -> bool:
        self.made.versions["1.0.0"] = "sha256:changed"
        return self.answer


def asked(made: World, ctx: Context, *, answer: bool) -> Context:
    return replace(ctx, ports=replace(ctx.ports, operator=Cautious(made, answer=answer)))


def test_nothing_goes_without_a_yes() -> None:
    made = world(*(GOOD,) * 5)
    with pytest.raises(Refused):
        made.run(lambda ctx: prune(asked(made, ctx, answer=False)))
    assert there(made, 5) == [version(number) for number in range(5)]


def test_what_changed_while_the_question_stood_stays() -> None:
    made = world(*(GOOD,) * 5)
    made.run(lambda ctx: prune(asked(made, ctx, answer=True)))
    assert there(made, 5) == ["1.0.0", "1.2.0", "1.3.0", "1.4.0"]


def test_what_comporta_made_itself_goes_by_itself_once_a_deployment_is_promoted() -> None:
    made = world()
    made.runtime.ours = True
    for number in range(5):
        deployed(made, number)
    assert there(made, 5) == ["1.2.0", "1.3.0", "1.4.0"]
    made.sick.update(version(number) for number in range(5, 20))
    for number in range(5, 20):
        deployed(made, number, seconds=100.0)
    assert there(made, 20) == [version(number) for number in range(2, 20)]
    made.run(rollback)
    assert live(made) == "1.3.0"
    assert (made.broken, trio.run(made.journal.verify)) == ([], None)
