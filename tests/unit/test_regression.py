"""Two releases under the same load, compared block by block."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comporta.analysis.regression import Ratio, cost_of, latency_of, paired, unpaired
from comporta.model.histogram import Histogram
from comporta.model.load import LoadBlock

PAIRS = 12
RUNS = 400
times = st.floats(0.001, 10.0)


def noisy(chance: random.Random, middle: float) -> float:
    """A block's median on a machine that often stalls: nothing is ever quicker than it can be."""
    stall = chance.expovariate(1) if chance.random() < 0.3 else 0.0
    return middle * (1 + chance.lognormvariate(-2.5, 0.8) + stall)


@given(st.lists(st.tuples(times, times), min_size=1, max_size=20))
def test_a_bound_never_lies_above_its_estimate(pairs: list[tuple[float, float]]) -> None:
    new, old = [a for a, _ in pairs], [b for _, b in pairs]
    for found in (paired(new, old), unpaired(new, old)):
        assert 0 <= found.least <= found.estimate * (1 + 1e-9)


@given(st.lists(times, min_size=8, max_size=20), st.floats(0.2, 5.0))
def test_the_estimate_follows_the_factor_whatever_the_blocks_are(blocks: list[float], factor: float) -> None:
    slowed = [block * factor for block in blocks]
    assert paired(slowed, blocks).estimate == pytest.approx(factor)
    assert paired(slowed, blocks).least == pytest.approx(factor)
    assert paired(blocks, blocks) == Ratio(estimate=1.0, least=1.0)


def test_two_of_twelve_pairs_may_point_the_other_way_and_no_more() -> None:
    slow = [2.0] * PAIRS
    assert paired(slow, [1.0] * (PAIRS - 2) + [4.0] * 2).beyond(1.5)
    assert not paired(slow, [1.0] * (PAIRS - 3) + [4.0] * 3).beyond(1.5)


def test_few_blocks_prove_nothing() -> None:
    assert paired([9.0] * 4, [1.0] * 4).least == 0.0
    assert not paired([9.0] * 4, [1.0] * 4).beyond(1.5)
    assert paired([9.0] * 5, [1.0] * 5).beyond(1.5)
    assert not unpaired([9.0] * 2, [1.0] * 2).beyond(1.5)


def test_slower_without_being_beyond_the_limit_is_fine() -> None:
    assert paired([1.3] * PAIRS, [1.0] * PAIRS).least > 1.0
    assert not paired([1.3] * PAIRS, [1.0] * PAIRS).beyond(1.5)


def runs(compare: object, factor: float, *, moods: bool = False) -> float:
    """How often a release that takes `factor` times as long is found, on a machine in changing moods."""
    chance, found = random.Random(7), 0
    for _ in range(RUNS):
        mood = [1 + chance.expovariate(2) for _ in range(PAIRS)]
        new = [noisy(chance, factor) * m for m in mood]
        old = [noisy(chance, 1.0) * (chance.choice([1.0, 1.3]) if moods else m) for m in mood]
        found += compare(new, old).beyond(1.5)  # type: ignore[operator]  # one of two functions of one type
    return found / RUNS


def test_honest_releases_pass_however_restless_the_machine_is() -> None:
    assert runs(paired, 1.0) < 0.01
    assert runs(unpaired, 1.0, moods=True) < 0.03


def test_twice_the_time_is_found() -> None:
    assert runs(paired, 2.0) > 0.9


def block(*latencies: float, failed: int = 0, seconds: float = 1.0) -> LoadBlock:
    sent = len(latencies) + failed
    return LoadBlock(sent=sent, failed=failed, seconds=seconds, latencies=Histogram.of(latencies))


def test_a_block_counts_by_its_median_above_the_floor() -> None:
    assert latency_of(block(0.02, 0.02, 3.0), 0.005) == pytest.approx(0.02, rel=0.02)
    assert latency_of(block(0.001, 0.001), 0.005) == 0.005


def test_the_cost_of_an_answer_is_the_time_it_took_of_the_whole() -> None:
    assert cost_of(block(0.1, 0.1, 0.1, 0.1, failed=1)) == 0.25


def test_the_bound_of_pairs_is_the_order_statistic_of_the_sign_test() -> None:
    factors = [1.0 + n / 10 for n in range(PAIRS)]
    found = paired(factors, [1.0] * PAIRS)
    assert found.estimate == pytest.approx(math.sqrt(1.5 * 1.6))
    assert found.least == pytest.approx(1.2)  # two of twelve on the wrong side: 1.9 %; three: 7.3 %


def test_the_bound_of_other_times_is_that_of_moses() -> None:
    new, old = [10.0 * 1.1**n for n in range(8)], [1.3**n for n in range(8)]
    ratios = sorted(a / b for a in new for b in old)
    found = unpaired(new, old)
    assert found.estimate == pytest.approx((ratios[31] + ratios[32]) / 2, rel=0.01)
    assert found.least == pytest.approx(ratios[15])  # 8·8/2 - 1.645·√(8·8·17/12) = 16.3: the 16th
    odd = unpaired([1.0, 2.0, 4.0], [1.0])
    assert odd.estimate == pytest.approx(1.0), "the quick quarters are alike"
    assert odd.least == 0.0


def test_a_machine_that_was_busier_later_makes_no_release_slower() -> None:
    busy = [1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0]
    assert unpaired(busy, [1.0] * PAIRS) == Ratio(estimate=1.0, least=1.0)
    assert unpaired([5.0] * 2 + [1.0] * 2, [1.0] * 4).estimate == 1.0


def test_a_ratio_at_the_limit_is_not_beyond_it() -> None:
    assert not Ratio(estimate=1.5, least=1.4).beyond(1.5)
    assert not Ratio(estimate=1.6, least=1.0).beyond(1.5)
    assert Ratio(estimate=1.6, least=1.01).beyond(1.5)


@pytest.mark.parametrize(("m", "n", "rank"), [(4, 3, 1), (4, 4, 2), (8, 8, 16), (12, 12, 43), (5, 9, 10)])
def test_the_bound_of_other_times_has_the_rank_of_the_normal_approximation(m: int, n: int, rank: int) -> None:
    new, old = [100.0 * 1.001**i for i in range(m)], [1.01**i for i in range(n)]
    slow = [each * 10 if i > m // 2 else each for i, each in enumerate(new)]
    ratios = sorted(a / b for a in slow for b in old)
    assert rank == math.floor(m * n / 2 - 1.6449 * math.sqrt(m * n * (m + n + 1) / 12))
    quick = sorted(slow)[(m - 1) // 4] / sorted(old)[(n - 1) // 4]
    found = unpaired(slow, old).least
    assert found == pytest.approx(min(ratios[rank - 1], quick))


def test_the_median_of_an_odd_number_of_pairs_is_the_one_in_the_middle() -> None:
    assert paired([1.0, 2.0, 9.0], [1.0] * 3).estimate == pytest.approx(2.0)


@pytest.mark.parametrize(("blocks", "quick"), [(4, 0), (5, 1), (8, 1), (9, 2), (12, 2)])
def test_the_quick_quarter_ends_where_a_quarter_of_the_blocks_does(blocks: int, quick: int) -> None:
    new = [1.0 + i for i in range(blocks)]
    assert unpaired([*new[: quick + 1], *[100.0] * (blocks - quick - 1)], [1.0] * blocks).estimate == new[quick]
