"""Where a rollback goes: the newest release that is known to be good, from the deployments alone."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from comporta.app.deployments import Deployment
from comporta.app.known_good import Served, behind, lineage, preferred
from comporta.model.journal import Outcome
from comporta.model.values import to_json
from comporta.strategies import blue_green
from support import specs
from support.specs import nothing_deployed

WINDOW = 300.0
PLAN = blue_green.plan(specs.spec(), nothing_deployed(), specs.release(1))


@dataclass(frozen=True)
class Act:
    """A deployment of a release that took `took` seconds, and after which nothing happened for `quiet` seconds."""

    release: int
    quiet: float = 1000.0
    strategy: str = "blue-green"
    outcome: Outcome = Outcome.PROMOTED
    took: float = 10.0


def history(*acts: Act) -> list[Deployment]:
    """The deployments, newest first."""
    made, now = [], 1000.0
    for number, act in enumerate(acts, start=1):
        made.append(
            Deployment(
                number=number,
                environment="test",
                strategy=act.strategy,
                version=f"1.{act.release}.0",
                release=act.release,
                replaces=None,
                actor="me",
                reason="",
                started=now,
                cursor=None,
                written=to_json(PLAN),
                ended=now + act.took,
                outcome=act.outcome,
            )
        )
        now += act.took + act.quiet
    return made[::-1]


def order(*acts: Act, live: int | None = None) -> list[int]:
    """Where a rollback would go, best first."""
    return [served.release for served in preferred(behind(lineage(history(*acts), WINDOW), live))]


def back(release: int, quiet: float = 1000.0) -> Act:
    return Act(release, quiet, strategy="rollback")


def test_the_release_before_is_the_best_if_it_served_long_enough() -> None:
    assert order(Act(1), Act(2), Act(3)) == [2, 1]


def test_a_release_that_was_soon_replaced_comes_after_those_that_are_known_to_be_good() -> None:
    assert order(Act(1), Act(2, quiet=40), Act(3)) == [1, 2]


def test_where_none_is_known_to_be_good_the_newest_is_the_best() -> None:
    assert order(Act(1, quiet=10), Act(2, quiet=40), Act(3)) == [2, 1]
    assert lineage(history(Act(1, quiet=10), Act(2, quiet=40), Act(3)), WINDOW)[1].seconds == 50


def test_a_release_that_was_rolled_away_from_is_not_gone_back_to() -> None:
    assert order(Act(1), Act(2), back(1), Act(3)) == [1]


def test_what_a_rollback_brought_back_can_be_rolled_back_further() -> None:
    assert order(Act(1), Act(2), Act(3), back(2)) == [1]


def test_deployments_that_did_not_end_promoted_do_not_count() -> None:
    assert order(Act(1), Act(2, outcome=Outcome.ROLLED_BACK), Act(3, outcome=Outcome.ABORTED), Act(4)) == [1]


def test_the_longest_time_counts_of_a_release_that_served_twice() -> None:
    assert order(Act(1), Act(2, quiet=40), back(1, quiet=20), Act(3)) == [1]
    assert lineage(history(Act(1), Act(2, quiet=40), back(1, quiet=20), Act(3)), WINDOW)[0].survived


def test_what_it_served_before_it_was_rolled_away_from_does_not_count() -> None:
    acts = (Act(1), Act(2), back(1), Act(2, quiet=20), Act(3))
    assert order(*acts) == [1, 2]


def test_a_release_is_in_doubt_from_when_a_rollback_or_a_hotfix_begins_and_serves_on_while_others_come() -> None:
    for strategy, survived in (("rollback", False), ("emergency", False), ("blue-green", True), ("canary", True)):
        line = lineage(history(Act(1), Act(2, quiet=40), Act(3, strategy=strategy, took=600)), WINDOW)
        assert line[1].survived is survived


def test_what_came_in_untested_must_serve_twice_as_long() -> None:
    hotfix = Act(2, quiet=400, strategy="emergency")
    assert order(Act(1), hotfix, Act(3)) == [1, 2]
    assert order(Act(1), Act(2, quiet=400), Act(3)) == [2, 1]


def test_what_an_incident_left_live_is_where_one_is() -> None:
    """A rollback from 3 to 2 that served, and then needed a person; a deployment of 4 that did."""
    assert order(Act(1), Act(2), Act(3, quiet=40), live=2) == [1]
    assert order(Act(1), Act(2), Act(3), Act(4, outcome=Outcome.INCIDENT), live=4) == [3, 2, 1]


def test_with_nothing_deployed_there_is_nowhere_to_go() -> None:
    assert order() == []
    assert order(Act(1)) == []


acts = st.lists(
    st.builds(
        Act,
        st.integers(1, 5),
        st.floats(1, 1000),
        st.sampled_from(["blue-green", "canary", "emergency", "rollback"]),
        st.sampled_from([Outcome.PROMOTED, Outcome.PROMOTED, *Outcome]),
    ),
    max_size=12,
)


@given(acts)
def test_nobody_is_named_twice_the_live_one_never_and_the_good_ones_come_first(drawn: list[Act]) -> None:
    promoted = [act.release for act in drawn if act.outcome is Outcome.PROMOTED]
    line = lineage(history(*drawn), WINDOW)
    best: list[Served] = preferred(behind(line, None))
    numbers = [served.release for served in best]
    assert len(numbers) == len(set(numbers))
    assert set(numbers) <= set(promoted)
    assert [served.release for served in line][-1:] == promoted[-1:]
    assert promoted[-1:] == [] or promoted[-1] not in numbers
    assert [served.survived for served in best] == sorted((served.survived for served in best), reverse=True)
