"""Evidence never grows in expectation while the null hypothesis holds: by enumeration, not by belief."""

import math
import random
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from comporta.analysis.blocks import Table
from comporta.analysis.dispersion import Dispersion, EventDispersion, ShiftDispersion
from comporta.analysis.fisher import log_likelihoods
from comporta.analysis.latency import PRIOR as LATENCY_PRIOR
from comporta.analysis.latency import Latency, LatencyRules, shift_log_e_values
from comporta.analysis.proof import Proof, log_e_value, project
from comporta.analysis.rates import PRIOR, RateRules, Rates
from comporta.analysis.scores import SHIFTS, scores_of
from comporta.analysis.wealth import CASH, HAZARD, Wealth, log_cap
from comporta.model.histogram import Histogram

RULES = RateRules.of(1.0, log_cap(0.6, 0.01), 0.01)
UNCAPPED = RateRules.of(1.0, 100.0, 0.01)
ROUNDING = 1 + 1e-9


def fair(n_c: int, n_s: int, m: int) -> dict[int, float]:
    """How the candidate's errors are distributed when both roles are alike and there are m errors."""
    support = range(max(0, m - n_s), min(m, n_c) + 1)
    return {x: math.comb(n_c, x) * math.comb(n_s, m - x) / math.comb(n_c + n_s, m) for x in support}


def binomial(n: int, p: float) -> list[float]:
    return [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]


pasts = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=4)


def after(past: list[tuple[int, int]]) -> Rates:
    rates = Rates()
    for x, y in past:
        rates = rates.after(Table(x, 5, y, 20), 1, RULES)
    return rates


@pytest.mark.parametrize("prior", [PRIOR, LATENCY_PRIOR])
def test_a_prior_divides_the_whole_stake(prior: tuple[float, ...]) -> None:
    assert math.fsum(prior) == pytest.approx(1)
    assert min(prior) > 0


@given(pasts, st.integers(1, 12), st.integers(1, 30), st.data())
def test_whatever_happened_before_the_next_block_of_a_healthy_candidate_gains_nothing_on_average(
    past: list[tuple[int, int]], n_c: int, n_s: int, data: st.DataObject
) -> None:
    m = data.draw(st.integers(0, n_c + n_s))
    rates = after(past)
    gains = {
        x: rates.after(Table(x, n_c, m - x, n_s), 1, RULES).wealth.log_total - rates.wealth.log_total
        for x in fair(n_c, n_s, m)
    }
    assert math.fsum(p * math.exp(gains[x]) for x, p in fair(n_c, n_s, m).items()) <= ROUNDING


def test_wealth_that_is_neither_capped_nor_rough_is_a_martingale() -> None:
    rates = Rates()
    gains = {x: rates.after(Table(x, 10, 2 - x, 20), 1, UNCAPPED).wealth.log_total for x in fair(10, 20, 2)}
    assert math.fsum(p * math.exp(gains[x]) for x, p in fair(10, 20, 2).items()) == pytest.approx(1)


def test_looking_at_nothing_changes_no_evidence_and_moves_cash_into_bets() -> None:
    wealth = Wealth.spread_by(PRIOR)
    for _ in range(1800):
        wealth = wealth.after([0.0] * len(PRIOR), 1, 1.0, PRIOR, 1.0)
    assert wealth.log_total == pytest.approx(0, abs=1e-9)
    assert wealth.cash == pytest.approx(CASH * math.exp(-1800 * HAZARD), rel=1e-9)
    assert wealth.cash + sum(wealth.bets) == pytest.approx(1)


def test_in_a_quarter_of_an_hour_all_of_the_cash_but_one_part_in_e_moves_into_the_bets() -> None:
    wealth = Wealth.spread_by(PRIOR).after([0.0] * len(PRIOR), 900, 1.0, PRIOR, 1.0)
    assert wealth.cash == pytest.approx(0.25 / math.e)


def test_cash_lets_a_release_that_turns_bad_late_be_found() -> None:
    rates = Rates()
    for _ in range(900):
        rates = rates.after(Table(0, 25, 5, 475), 1, RULES)
    lowest = rates.wealth.log_total
    assert lowest > math.log(CASH * math.exp(-900 * HAZARD)) - 1e-6  # the bets are lost, the cash is not
    for _ in range(30):
        rates = rates.after(Table(3, 25, 5, 475), 1, RULES)
    assert rates.wealth.log_total > -math.log(0.006)


@pytest.mark.parametrize("share", [0.6, 0.4])
def test_no_single_block_can_abort_but_two_can(share: float) -> None:
    cap = log_cap(share, 0.01)
    level = -math.log(share * 0.01)
    one = Wealth.spread_by(PRIOR).after([1e9] * len(PRIOR), 1, cap, PRIOR, 1.0)
    two = one.after([1e9] * len(PRIOR), 1, cap, PRIOR, 1.0)
    assert one.log_total < level <= two.log_total
    assert one.log_total == pytest.approx(level / 2, abs=0.01)


def after_certain_blocks(start: Wealth, blocks: int, phi: float) -> Wealth:
    for _ in range(blocks):
        start = start.after([1e9] * len(PRIOR), 1, log_cap(0.6, 0.01), PRIOR, phi)
    return start


def test_where_the_past_was_rough_it_takes_more_blocks_to_abort() -> None:
    level = -math.log(0.006)
    assert after_certain_blocks(Wealth.spread_by(PRIOR), 5, 3.0).log_total < level
    assert after_certain_blocks(Wealth.spread_by(PRIOR), 6, 3.0).log_total >= level


def test_a_harms_own_first_block_does_not_lower_the_cap_of_the_next() -> None:
    one = after_certain_blocks(Wealth.spread_by(PRIOR), 1, 1.0)
    assert after_certain_blocks(one, 1, 20.0).log_total >= -math.log(0.006)


def test_a_block_that_speaks_against_harm_makes_the_next_one_heed_the_roughness_of_now() -> None:
    cap = log_cap(0.6, 0.01)
    burst = after_certain_blocks(Wealth.spread_by(PRIOR), 1, 1.0)
    quiet = burst.after([-0.1] * len(PRIOR), 1, cap, PRIOR, 4.0)
    again = after_certain_blocks(quiet, 1, 4.0)
    assert (quiet.rising, again.rising) == (False, True)
    assert again.log_total - quiet.log_total == pytest.approx(cap / 4)


@pytest.mark.parametrize(
    ("failed", "asked", "squares", "needed"),
    [
        pytest.param(8, 25, 20, 3, id="a third of the requests fails: it may be a burst"),
        pytest.param(11, 24, 20, 3, id="nearly half fail"),
        pytest.param(12, 24, 20, 2, id="half fail"),
        pytest.param(13, 25, 20, 2, id="most fail"),
        pytest.param(8, 25, 60, 8, id="where bursts are usual"),
    ],
)
def test_bursts_side_by_side_abort_the_later_the_more_they_are_bursts(
    failed: int, asked: int, squares: float, needed: int
) -> None:
    rates, level = replace(Rates(), dispersion=EventDispersion(spread=Dispersion(squares=squares))), -math.log(0.006)
    for _ in range(needed - 1):
        rates = rates.after(Table(failed, asked, 3, 475), 1, RULES)
    assert rates.wealth.log_total < level
    assert rates.after(Table(failed, asked, 3, 475), 1, RULES).wealth.log_total >= level


def test_a_cap_takes_from_the_bets_and_leaves_the_cash() -> None:
    before = Wealth.spread_by(PRIOR)
    for _ in range(10):
        before = after_certain_blocks(before, 1, 5.0)
    assert before.cash * math.exp(before.log_total) == pytest.approx(CASH * math.exp(-10 * HAZARD))
    assert before.cash + sum(before.bets) == pytest.approx(1)


def test_however_little_a_cap_cuts_off_cash_and_bets_stay_the_whole() -> None:
    capped = Wealth.spread_by(PRIOR).after([math.log(4.0)] * len(PRIOR), 1, math.log(3.0), PRIOR, 1.0)
    assert capped.log_total == pytest.approx(math.log(3.0))
    assert capped.cash == pytest.approx(CASH * math.exp(-HAZARD) / 3)
    assert capped.cash + sum(capped.bets) == pytest.approx(1)


def test_a_block_that_says_nothing_does_not_speak_against_harm() -> None:
    burst = after_certain_blocks(Wealth.spread_by(PRIOR), 1, 1.0)
    silent = burst.after([0.0] * len(PRIOR), 1, log_cap(0.6, 0.01), PRIOR, 4.0)
    assert (silent.rising, silent.roughness) == (True, 1.0)


def test_bets_that_lost_everything_leave_the_cash() -> None:
    lost = Wealth.spread_by(PRIOR).after([-1e4] * len(PRIOR), 1, log_cap(0.6, 0.01), PRIOR, 1.0)
    assert (lost.cash, sum(lost.bets)) == (1.0, 0.0)
    assert lost.log_total == pytest.approx(math.log(CASH) - HAZARD)


@given(st.integers(0, 20), st.integers(0, 30))
def test_more_candidate_errors_never_lessen_the_evidence_of_harm(x: int, y: int) -> None:
    fewer = Rates().after(Table(x, 21, y, 400), 1, RULES)
    more = Rates().after(Table(x + 1, 21, y, 400), 1, RULES)
    assert more.wealth.log_total >= fewer.wealth.log_total - 1e-12


def test_roughness_is_one_for_independent_requests_and_grows_with_bursts() -> None:
    rng = random.Random(5)
    calm = bursty = EventDispersion()
    for _ in range(400):
        x = sum(rng.random() < 0.04 for _ in range(50))
        calm = calm.after(Table(x, 50, 38, 950))
        bursty = bursty.after(Table(20 if rng.random() < 0.1 else 0, 50, 38, 950))
    assert calm.phi < 1.3
    assert bursty.phi > 4


def test_a_rough_past_weakens_the_next_block_and_the_proof() -> None:
    rough = replace(Rates(), dispersion=EventDispersion(spread=Dispersion(squares=80)))
    block = Table(2, 25, 3, 475)
    assert rough.after(block, 1, RULES).likelihoods == pytest.approx(
        [each / 4 for each in Rates().after(block, 1, RULES).likelihoods]
    )
    calm, weak = (Proof().seeded(10, 1000).after(Table(0, 25, 5, 475), 1, 0.01, phi) for phi in (1.0, 4.0))
    assert weak.equal == pytest.approx(calm.equal / 4)


def evidence(table: Table) -> float:
    return Rates().after(table, 1, UNCAPPED).wealth.log_total


@pytest.mark.parametrize("failed", [2, 3, 8])
def test_a_handful_of_errors_in_a_block_counts_as_one(failed: int) -> None:
    assert evidence(Table(failed, 9, 2, 171)) == evidence(Table(1, 9, 2, 171))


@pytest.mark.parametrize(("failed", "asked"), [pytest.param(3, 3, id="all fail"), pytest.param(3, 10, id="not few")])
def test_where_all_fail_or_requests_are_not_few_each_error_counts(failed: int, asked: int) -> None:
    assert evidence(Table(failed, asked, 2, 171)) > evidence(Table(failed - 1, asked, 2, 171)) + 1


def test_the_odds_that_are_shown_count_every_error_of_a_handful() -> None:
    one, three = (Rates().after(Table(x, 9, 2, 171), 1, UNCAPPED).likelihoods for x in (1, 3))
    assert three.index(max(three)) > one.index(max(one))


@given(st.integers(1, 9), st.integers(1, 30), st.integers(0, 30), st.sampled_from([1.0, 1.5, 3.0]))
def test_each_error_of_the_candidate_multiplies_the_e_value_of_any_harm_by_at_least_one(
    n_c: int, n_s: int, y: int, harm: float
) -> None:
    log_odds = RateRules.of(harm, 1.0, 0.01).log_odds
    harmful = [place for place, odds in enumerate(log_odds) if odds > math.log(harm)]
    for x in range(n_c):
        fewer, more = (log_likelihoods(Table(of_x, n_c, min(y, n_s), n_s), log_odds) for of_x in (x, x + 1))
        null = log_odds.index(math.log(harm))
        for place in harmful:
            assert more[place] - more[null] >= fewer[place] - fewer[null] - 1e-9


def test_a_rough_past_weakens_bets_on_latency() -> None:
    seeded = Latency.seeded(Histogram.of([0.05, 0.1, 0.2] * 50))
    rough = replace(
        seeded,
        shift=ShiftDispersion(spread=Dispersion(squares=80)),
        tail=EventDispersion(spread=Dispersion(squares=80)),
    )
    rules = LatencyRules(tolerance=0.0, floor=0.005, log_cap=log_cap(0.4, 0.01), margin=0.05)
    slow, usual = Histogram.of([0.2, 0.2, 0.1]), Histogram.of([0.05, 0.1, 0.2] * 10)
    calm_gain, rough_gain = (each.after(slow, usual, 1, rules).wealth.log_total for each in (seeded, rough))
    assert calm_gain > rough_gain > 0


def test_a_steady_harm_is_no_roughness() -> None:
    dispersion = EventDispersion()
    for _ in range(200):
        dispersion = dispersion.after(Table(20, 50, 10, 950))
    assert dispersion.phi < 1.5
    assert Dispersion().phi == 1


def test_shifts_within_the_expected_spread_are_no_roughness() -> None:
    dispersion = ShiftDispersion()
    for sign in (1, -1) * 100:
        dispersion = dispersion.after(float(sign), 10.0, 1.0)
    assert dispersion.phi == pytest.approx(1, abs=0.1)
    assert dispersion.after(60.0, 10.0, 1.0).phi > 10
    assert ShiftDispersion().after(1.0, 0.0, 0.0) == ShiftDispersion()


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=7), st.data())
def test_bets_on_a_shift_gain_nothing_when_latencies_are_exchangeable(z: list[float], data: st.DataObject) -> None:
    n_c = data.draw(st.integers(1, len(z) - 1))

    def sums(values: list[float]) -> list[float]:
        weights = [sum(math.exp(shift * value) for value in values) for shift in SHIFTS]
        return [len(values), sum(values), sum(value * value for value in values), *weights]

    divisions = [set(chosen) for chosen in combinations(range(len(z)), n_c)]
    bets = [
        shift_log_e_values(sums([z[i] for i in chosen]), sums([z[i] for i in range(len(z)) if i not in chosen]))
        for chosen in divisions
    ]
    for of_shift in zip(*bets, strict=True):
        assert math.fsum(map(math.exp, of_shift)) / len(divisions) <= ROUNDING


@settings(max_examples=25)
@given(st.lists(st.sampled_from([0.02, 0.05, 0.1, 0.2, 0.9, 4.0]), min_size=3, max_size=6), st.data())
def test_latencies_that_are_exchangeable_gain_nothing_with_all_bets_together(
    values: list[float], data: st.DataObject
) -> None:
    n_c = data.draw(st.integers(1, len(values) - 1))
    rng = random.Random(1)
    latency = Latency.seeded(Histogram.of([0.08 * math.exp(0.6 * rng.gauss(0, 1)) for _ in range(500)]))
    rules = LatencyRules(tolerance=0.0, floor=0.005, log_cap=log_cap(0.4, 0.01), margin=0.05)
    divisions = [set(chosen) for chosen in combinations(range(len(values)), n_c)]
    gains = [
        latency.after(
            Histogram.of([values[i] for i in chosen]),
            Histogram.of([values[i] for i in range(len(values)) if i not in chosen]),
            1,
            rules,
        ).wealth.log_total
        for chosen in divisions
    ]
    assert math.fsum(map(math.exp, gains)) / len(gains) <= ROUNDING


@given(st.integers(1, 8), st.integers(0, 12), st.floats(0.001, 0.3), st.floats(0.001, 0.3), st.floats(0, 0.4))
def test_a_candidate_worse_by_the_margin_or_more_gains_no_proof_on_average(
    n_c: int, n_s: int, stable: float, guess: float, beyond: float
) -> None:
    margin = 0.05
    candidate = stable + margin + beyond * 0.5
    expectation = math.fsum(
        p_c * p_s * math.exp(log_e_value(Table(x, n_c, y, n_s), guess, guess, margin))
        for x, p_c in enumerate(binomial(n_c, candidate))
        for y, p_s in enumerate(binomial(n_s, stable))
    )
    assert expectation <= 1 + 1e-7


@given(st.floats(1, 1e5), st.floats(1e-4, 0.5), st.floats(1, 1e6), st.floats(0.001, 0.2))
def test_the_projection_is_the_least_divergence_on_the_margin(
    n_c: float, rate: float, n_s: float, margin: float
) -> None:
    def divergence(p: float) -> float:
        candidate = rate * math.log(rate / (p + margin)) + (1 - rate) * math.log((1 - rate) / (1 - p - margin))
        return n_c * candidate + n_s * (rate * math.log(rate / p) + (1 - rate) * math.log((1 - rate) / (1 - p)))

    p = project(n_c, rate, n_s, rate, margin)
    assert 0 < p <= rate
    least = divergence(p)
    assert least <= min(divergence(p * 0.99), divergence(min(p * 1.01, rate))) + 1e-9 * (1 + abs(least))


def bisected(n_c: float, candidate: float, n_s: float, stable: float, margin: float) -> float:
    """Where the divergence from the margin stops to fall."""

    def slope(p: float) -> float:
        of_candidate = n_c * (p + margin - candidate) / ((p + margin) * (1 - p - margin))
        return of_candidate + n_s * (p - stable) / (p * (1 - p))

    low, high = max(1e-9, candidate - margin), min(stable, 1 - margin - 1e-9)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return high


@given(st.integers(1, 500), st.floats(0.001, 0.3), st.integers(1, 9500), st.floats(0.001, 0.3))
def test_the_projection_is_what_bisection_finds(n_c: int, rate: float, n_s: int, margin: float) -> None:
    expected = bisected(n_c, rate, n_s, rate, margin)
    assert project(n_c, rate, n_s, rate, margin) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("stable", [0.94, 0.97, 0.999])
def test_a_stable_role_that_fails_nearly_always_leaves_the_candidate_no_more_than_all_requests(stable: float) -> None:
    p = project(20, 0.5, 2000, stable, 0.05)
    assert p == pytest.approx(bisected(20, 0.5, 2000, stable, 0.05), rel=1e-9)
    assert p + 0.05 < 1


def test_an_equal_candidate_is_proven_and_one_at_twice_the_margin_is_not() -> None:
    equal = worse = Proof().seeded(150, 15_000)
    for t in range(200):
        equal = equal.after(Table(int(t % 4 == 0), 25, 5, 475), 1, 0.01, 1.0)
        worse = worse.after(Table(int(t % 4 != 0), 25, 5, 475), 1, 0.01, 1.0)
    assert equal.log_total > math.log(20)
    assert worse.log_total < 0


@pytest.mark.parametrize(("candidate", "stable"), [(0.15, 0.1), (0.2, 0.1), (0.95, 0.95), (0.96, 0.95)])
def test_a_guess_that_is_itself_worse_by_the_margin_proves_nothing(candidate: float, stable: float) -> None:
    assert log_e_value(Table(0, 25, 5, 475), candidate, stable, 0.05) == 0


def test_a_bucket_scores_by_its_middle_rank_in_the_past() -> None:
    scores = scores_of(((100, 40.0), (110, 20.0), (120, 40.0)))
    z = scores.columns[0]
    assert (z[110], z[99]) == (pytest.approx(0, abs=0.02), z[0])
    assert z[100] == pytest.approx(-z[120], abs=0.02)
    assert list(z) == sorted(z)
    assert scores.proof_tail == 120


def test_without_a_past_the_first_block_is_all_that_the_proof_knows() -> None:
    proof = Proof().after(Table(1, 10, 2, 90), 1, 0.01, 1.0)
    assert (proof.events, proof.trials) == (3, 100)


def test_without_enough_requests_no_guess_is_made() -> None:
    assert Proof().after(Table(0, 10, 0, 39), 1, 0.01, 1.0).log_total == 0
