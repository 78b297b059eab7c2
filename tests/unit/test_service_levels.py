"""Service levels and DORA figures, from deployments in outline."""

from __future__ import annotations

import pytest

from comporta.analysis.service_levels import BARS, DAY, Level, Window, over
from comporta.model.journal import Outcome
from comporta.model.outlines import Outline
from comporta.model.spec import ServiceLevelsSpec

PROMOTED, ABORTED, BACK = Outcome.PROMOTED, Outcome.ABORTED, Outcome.ROLLED_BACK


def outline(started: float, outcome: Outcome | None = PROMOTED, seconds: float = 60.0, **fields: object) -> Outline:
    given = {"number": 1, "environment": "production", "strategy": "canary", "lost": 0} | fields
    ended = None if outcome is None else started + seconds
    return Outline(started=started, outcome=outcome, ended=ended, **given)  # type: ignore[arg-type]  # in one dict


def window(*outlines: Outline, days: float = 10.0, **spec: object) -> Window:
    return over(outlines, 0.0, days * DAY, ServiceLevelsSpec(**spec))  # type: ignore[arg-type]  # in one dict


def level(found: Window, name: str) -> Level:
    return next(each for each in found.whole.levels if each.name == name)


def test_success_is_the_share_that_was_promoted_of_those_that_ended() -> None:
    running, given_up = outline(9, None), outline(10, Outcome.SUPERSEDED)
    found = level(window(*(outline(n) for n in range(3)), outline(4, ABORTED), running, given_up), "success")
    assert (found.value, found.counted, found.kept) == (0.75, 4, False)


def test_a_rollback_makes_no_success() -> None:
    found = level(window(outline(1, ABORTED), outline(2, strategy="rollback")), "success")
    assert (found.value, found.counted) == (0.0, 1)


def test_a_duration_is_kept_if_95_of_100_took_no_longer() -> None:
    slow = [outline(n, seconds=901.0) for n in range(5)]
    quick = [outline(n, seconds=900.0) for n in range(95)]
    kept, missed = window(*slow, *quick), window(*slow, *quick[1:])
    assert (level(kept, "deployment").value, level(kept, "deployment").kept) == (900.0, True)
    assert (level(missed, "deployment").value, level(missed, "deployment").kept) == (901.0, False)
    assert level(kept, "deployment").worst == 901.0


def test_rollbacks_have_their_own_level() -> None:
    found = window(outline(1, seconds=800.0), outline(2, strategy="rollback", seconds=301.0))
    assert level(found, "deployment").kept
    assert (level(found, "rollback").value, level(found, "rollback").kept) == (301.0, False)


def test_requests_lost_are_added_up_over_all_that_ended() -> None:
    found = level(window(outline(1), outline(2, ABORTED, lost=2), outline(3, lost=1), outline(4, lost=None)), "lost")
    assert (found.value, found.worst, found.counted, found.kept) == (3, 2, 3, False)
    assert level(window(outline(1, lost=3), lost=3), "lost").kept


def test_nothing_to_count_is_no_miss() -> None:
    empty = window()
    assert [each.value for each in empty.whole.levels] == [None] * 4
    assert empty.whole.kept
    assert (empty.dora.per_day, empty.dora.lead_time, empty.dora.change_failure_rate) == (0.0, None, None)
    assert (empty.groups, empty.bars) == ((), ())


def test_groups_are_by_environment_and_strategy() -> None:
    found = window(outline(1), outline(2, environment="staging"), outline(3, ABORTED, strategy="blue-green"))
    assert [(g.environment, g.strategy, g.deployments, g.kept) for g in found.groups] == [
        ("production", "blue-green", 1, False),
        ("production", "canary", 1, True),
        ("staging", "canary", 1, True),
    ]


def test_only_what_began_in_the_window_counts() -> None:
    found = over([outline(1), outline(5), outline(9)], 5.0, 8.0, ServiceLevelsSpec())
    assert found.whole.deployments == 1


def test_frequency_and_lead_time_are_of_promoted_changes() -> None:
    leads = [outline(100, created=0.0), outline(200, created=190.0), outline(300, created=10.0)]
    dora = window(*leads, outline(400, ABORTED, created=0.0), outline(500, strategy="rollback", created=0.0)).dora
    assert (dora.per_day, dora.lead_time) == (0.3, 160.0)


@pytest.mark.parametrize(
    ("outlines", "failures", "changes"),
    [
        ([outline(1), outline(2, ABORTED)], 0, 1),  # an abort before the switch reached nobody
        ([outline(1), outline(2, BACK, failed=30.0)], 1, 2),
        ([outline(1), outline(2, Outcome.INCIDENT)], 1, 2),
        ([outline(1), outline(2), outline(3, strategy="rollback")], 1, 2),
        ([outline(1), outline(2), outline(3, strategy="rollback"), outline(4, strategy="rollback")], 1, 2),
        ([outline(1), outline(2, ABORTED, strategy="rollback")], 0, 1),
        ([outline(1), outline(2, strategy="rollback", environment="staging")], 0, 1),
    ],
)
def test_a_change_failed_if_it_had_to_be_repaired(outlines: list[Outline], failures: int, changes: int) -> None:
    dora = window(*outlines).dora
    assert (dora.failures, dora.changes) == (failures, changes)
    assert dora.change_failure_rate == failures / changes


def test_restoring_takes_from_the_first_act_to_the_end() -> None:
    undone = outline(100, BACK, seconds=50.0, failed=140.0)
    dora = window(undone, outline(200), outline(300, strategy="rollback", seconds=4.0)).dora
    assert (dora.restores, dora.time_to_restore) == (2, 4.0)


def test_bars_hold_each_change_once_and_lie_in_the_window() -> None:
    found = window(*(outline(n * DAY / 3, ABORTED if n % 3 else PROMOTED) for n in range(31)), days=10.0)
    assert sum(bar.promoted + bar.failed for bar in found.bars) == 31
    assert len(found.bars) == BARS
    assert [bar.at for bar in found.bars] == sorted(bar.at for bar in found.bars)
    assert {bar.slowest for bar in found.bars} == {60.0, None}


def test_a_level_says_whose_promise_it_was_and_how_many_it_is_made_of() -> None:
    found = window(outline(1, seconds=5.0), outline(2, seconds=9.0), outline(3, strategy="rollback", seconds=3.0))
    assert [(each.name, each.limit, each.value, each.counted, each.worst) for each in found.whole.levels] == [
        ("success", 0.95, 1.0, 2, None),
        ("deployment", 900.0, 9.0, 2, 9.0),
        ("rollback", 300.0, 3.0, 1, 3.0),
        ("lost", 0, 0, 3, 0),
    ]


def test_what_is_exactly_promised_is_kept() -> None:
    assert level(window(outline(1, seconds=900.0)), "deployment").kept
    assert level(window(outline(1), outline(2, ABORTED), success=0.5), "success").kept


def test_a_window_without_length_has_no_frequency() -> None:
    found = over([outline(5)], 5.0, 5.0, ServiceLevelsSpec())
    assert found.dora.per_day == 0.0
    assert [(bar.at, bar.promoted) for bar in found.bars] == [(5.0, 1)]


def test_a_day_has_86400_seconds() -> None:
    assert over([outline(5)], 0.0, 86400.0, ServiceLevelsSpec()).dora.per_day == 1.0


def test_bars_are_thirtieths_of_the_window_and_leave_out_rollbacks_and_what_runs() -> None:
    ended = [outline(10.0), outline(29.0, ABORTED), outline(30.0, seconds=70.0), outline(900.0)]
    others = [outline(40.0, strategy="rollback"), outline(50.0, None)]
    found = over([*ended, *others], 0.0, 900.0, ServiceLevelsSpec()).bars
    assert [(bar.at, bar.promoted, bar.failed, bar.slowest) for bar in found] == [
        (0.0, 1, 1, 60.0),
        (30.0, 1, 0, 70.0),
        (870.0, 1, 0, 60.0),
    ]


def test_a_repair_whose_begin_is_unknown_is_a_failure_without_a_duration() -> None:
    dora = window(outline(100, BACK), outline(200, BACK, failed=210.0, seconds=30.0)).dora
    assert (dora.failures, dora.restores, dora.time_to_restore) == (2, 1, 20.0)


def test_a_release_that_was_repaired_by_a_new_one_is_not_taken_back_by_a_later_rollback_of_that_one() -> None:
    dora = window(outline(1), outline(2), outline(3, strategy="rollback"), outline(4, strategy="rollback")).dora
    assert (dora.failures, dora.restores) == (1, 2)


def test_restoring_takes_as_long_as_the_repair_in_the_middle() -> None:
    undone = [outline(100.0 * n, BACK, failed=100.0 * n, seconds=2.0 * n) for n in (1, 2, 3)]
    assert window(*undone).dora.time_to_restore == 4.0


def test_bars_begin_where_the_window_does() -> None:
    found = over([outline(1000.0), outline(1100.0), outline(1899.0)], 1000.0, 1900.0, ServiceLevelsSpec()).bars
    assert [bar.at for bar in found] == [1000.0, 1090.0, 1870.0]
