"""A wrong share of requests and a silent candidate are noticed; a share that only wobbles is not."""

import math
import random

import pytest

from comporta.analysis.blocks import Block, Table
from comporta.analysis.dispersion import EventDispersion
from comporta.analysis.sentinels import (
    EXPECTED_BEFORE_SILENCE,
    SENTINEL_EVIDENCE,
    SHARE_EVIDENCE,
    ShareTest,
    Silence,
)
from comporta.model.figures import Counts


def block(candidate: int, stable: int, share: float | None = 0.05) -> Block:
    return Block(start=0, seconds=1, candidate=Counts(requests=candidate), stable=Counts(requests=stable), share=share)


def shared(*blocks: Block) -> ShareTest:
    test = ShareTest()
    for each in blocks:
        test = test.after(each)
    return test


@pytest.mark.parametrize("actual", [0.045, 0.05, 0.055])
def test_a_share_within_tolerance_is_as_declared(actual: float) -> None:
    rng = random.Random(2)
    arrived = [sum(rng.random() < actual for _ in range(500)) for _ in range(300)]
    test, most = ShareTest(), 0.0
    for candidate in arrived:
        test = test.after(block(candidate, 500 - candidate))
        most = max(most, test.log_total)
    assert most < SHARE_EVIDENCE


@pytest.mark.parametrize("candidate", [0, 10, 60])
def test_a_share_far_from_the_declared_one_is_noticed(candidate: int) -> None:
    assert shared(*[block(candidate, 500)] * 20).log_total > SHARE_EVIDENCE


def test_a_change_of_weights_carries_the_evidence_over() -> None:
    before = shared(*[block(0, 100)] * 30)
    after = before.after(block(25, 75, share=0.25))
    assert after.log_total == pytest.approx(before.log_total, abs=0.5)
    assert after.counts == (25, 75)


@pytest.mark.parametrize("share", [None, 0.0, 1.0])
def test_without_a_declared_split_nothing_is_tested(share: float | None) -> None:
    assert shared(block(0, 1000, share)) == ShareTest()
    assert Silence().after(block(0, 1000, share)) == Silence()


def test_a_candidate_is_silent_once_twenty_requests_were_due_and_none_came() -> None:
    silence = Silence().after(block(0, 361))
    assert silence.due == pytest.approx(19)
    assert not silence.too_long
    silence = silence.after(block(0, 19))
    assert silence.due == pytest.approx(EXPECTED_BEFORE_SILENCE)
    assert silence.after(block(0, 19)).too_long
    assert silence.after(block(1, 19)) == Silence()


def test_the_watched_instance_is_compared_with_the_other_ones() -> None:
    whole = Counts(requests=100, app_errors=9, proxy_errors=1)
    watched = Counts(requests=30, app_errors=3, proxy_errors=1)
    lone = Block(start=0, seconds=1, stable=whole)
    assert lone.sentinel_errors is None
    assert Block(start=0, seconds=1, stable=whole, sentinel=watched).sentinel_errors == Table(4, 30, 6, 70)


def test_a_table_without_one_of_the_roles_says_nothing_and_changes_no_roughness() -> None:
    for table in (Table(3, 10, 0, 0), Table(0, 0, 3, 10)):
        assert table.says_nothing
        assert EventDispersion().after(table) == EventDispersion()
    assert not Table(0, 1, 0, 1).says_nothing


def test_a_share_is_doubted_at_a_hundred_to_one_and_routing_at_twenty_to_one() -> None:
    assert (math.exp(SHARE_EVIDENCE), math.exp(SENTINEL_EVIDENCE)) == pytest.approx((100, 20))
    assert EXPECTED_BEFORE_SILENCE == 20
    assert Silence(due=20.0).too_long
    assert not Silence(due=19.9).too_long


def test_a_share_of_nothing_says_nothing_and_extremes_stay_finite() -> None:
    assert shared(block(0, 0)).log_total == 0
    assert math.isfinite(shared(block(1000, 0, share=0.9)).log_total)
    assert shared(block(6000, 4000, share=0.6)).log_total < 0


def test_a_candidate_that_is_to_get_nothing_is_not_silent() -> None:
    assert Silence(due=5.0).after(block(0, 100, share=0.0)) == Silence()
