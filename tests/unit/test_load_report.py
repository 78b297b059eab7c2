"""The report counts exactly and computes exact percentiles."""

import json
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comporta.load.report import EXAMPLES, Report, Sample, percentile
from comporta.load.table import table
from comporta.load.wire import ErrorKind


def sample(
    at: float, *, latency: float = 0.01, wait: float = 0.0, error: ErrorKind | None = None, release: str | None = None
) -> Sample:
    return Sample(
        kind="get",
        intended=at,
        started=at + wait,
        finished=at + latency,
        status=200 if error is None else None,
        error=error,
        detail="" if error is None else "lost",
        connection="kept",
        received=5,
        headers={} if release is None else {"X-Comporta-Slot": release},
    )


def report(*samples: Sample) -> Report:
    return Report(samples, begin=100.0, end=110.0, scheduled=len(samples), unfinished=0, scenarios={})


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=2000),
    st.sampled_from(["0", "1", "50", "90", "95", "99", "99.9", "100"]),
)
def test_a_percentile_is_the_smallest_value_that_enough_values_do_not_exceed(values: list[float], percent: str) -> None:
    enough = Fraction(percent) / 100 * len(values)
    naive = min(v for v in values if sum(other <= v for other in values) >= enough)
    assert percentile(values, float(percent)) == naive


def test_a_percentile_of_nothing_is_not_a_number() -> None:
    assert math.isnan(percentile([], 99))
    assert report(sample(100, error="eof")).as_dict()["latency"]["p99"] is None


def test_latency_counts_from_when_a_request_was_due_and_service_from_when_it_was_sent() -> None:
    result = report(sample(100, latency=0.5, wait=0.25))
    assert result.latency(100) == 0.5
    assert result.service(100) == 0.25


def test_failed_requests_do_not_make_the_percentiles_look_better() -> None:
    result = report(sample(100, latency=0.5), *(sample(101, latency=0.001, error="connect") for _ in range(99)))
    assert result.latency(50) == 0.5


def test_a_window_holds_what_was_due_in_it() -> None:
    result = report(*(sample(100 + n) for n in range(10)))
    window = result.between(102, 105)
    assert [s.intended for s in window.samples] == [102, 103, 104]
    assert (window.begin, window.end, window.scheduled) == (102, 105, 3)


def test_failures_are_counted_by_kind_with_the_first_examples() -> None:
    result = report(sample(100), *(sample(101 + n, error="eof") for n in range(8)), sample(109, error="reset"))
    assert {kind: failure.count for kind, failure in result.failures.items()} == {"eof": 8, "reset": 1}
    assert [s.intended for s in result.failures["eof"].examples] == [101 + n for n in range(EXAMPLES)]


def test_the_cut_over_lasts_until_the_last_request_that_the_old_release_answered_was_sent() -> None:
    result = report(
        sample(104, release="blue"),
        sample(105.25, release="blue", latency=3),
        sample(105, release="green"),
        sample(106, release="green"),
    )
    last = result.last_answer_from("blue")
    assert last is not None
    assert last.started == 105.25
    assert result.cut_over(105, "blue") == 0.25
    assert result.cut_over(105.5, "blue") == 0
    assert result.cut_over(105, "nobody") == 0
    assert result.last_answer_from("nobody") is None


def test_answers_are_counted_by_release_over_time() -> None:
    result = report(sample(100, release="blue"), sample(100.5, release="green"), sample(103.5, release="green"))
    assert result.releases() == {"blue": 1, "green": 2}
    assert result.releases_over_time(1.0) == [(100.0, {"blue": 1, "green": 1}), (103.0, {"green": 1})]


@pytest.mark.parametrize("samples", [(), (sample(100, release="blue"), sample(101, error="eof"))])
def test_the_dictionary_is_ready_for_json_and_the_table_for_reading(samples: tuple[Sample, ...]) -> None:
    result = report(*samples)
    figures = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert figures["requests"] == len(samples)
    assert table(result).startswith(f"{len(samples)} requests")
