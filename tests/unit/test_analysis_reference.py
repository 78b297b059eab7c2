"""The formulas of docs/analysis.md a second time, as plainly as can be: what is promised rests on these figures."""

import math
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from statistics import fmean, pvariance

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from comporta.analysis.blocks import Block, Table, block_seconds
from comporta.analysis.dispersion import Dispersion, EventDispersion, ShiftDispersion
from comporta.analysis.forecast import Traffic, smallest_slowdown, time_to_detect, time_to_proof
from comporta.analysis.intervals import rate_interval
from comporta.analysis.judge import Settings, State, log_evidence
from comporta.analysis.latency import PRIOR as LATENCY_PRIOR
from comporta.analysis.latency import TAIL_ODDS, Latency, LatencyRules
from comporta.analysis.limits import Limits, Sums, broken_rules
from comporta.analysis.memory import Memory
from comporta.analysis.proof import Proof, project
from comporta.analysis.rates import ALTERNATIVES, GRID, PRIOR, RateRules, Rates
from comporta.analysis.scores import SHIFTS, scores_of
from comporta.analysis.sentinels import ShareTest, Silence
from comporta.analysis.verdict import verdict
from comporta.analysis.wealth import Wealth
from comporta.model.figures import Counts
from comporta.model.histogram import BUCKETS, SECONDS, Histogram, bucket_of
from comporta.strategies import canary
from support import specs

few = settings(max_examples=25)
UNCAPPED = RateRules.of(1.0, 100.0, 0.01)


def test_a_canary_whose_config_says_nothing_is_judged_as_every_figure_in_the_docs_is() -> None:
    assert canary.settings(specs.spec()) == Settings()


def test_less_and_more_than_harm_are_looked_at_alike() -> None:
    assert [1 / odds for odds in reversed(GRID)] == pytest.approx(GRID)
    assert (len(ALTERNATIVES), min(ALTERNATIVES), max(ALTERNATIVES)) == (8, 1.5, 300)


def probability(table: Table, odds: float) -> float:
    """Fisher's law by counting, in fractions."""
    n_c, n_s, m = table.candidate, table.stable, table.events
    weights = {
        x: math.comb(n_c, x) * math.comb(n_s, m - x) * Fraction(odds) ** x
        for x in range(max(0, m - n_s), min(m, n_c) + 1)
    }
    return float(weights[table.candidate_events] / sum(weights.values()))


tables = st.integers(1, 30).flatmap(
    lambda n_c: st.integers(1, 90).flatmap(
        lambda n_s: st.tuples(st.integers(0, n_c), st.just(n_c), st.integers(0, n_s), st.just(n_s))
    )
)


@few
@given(tables, st.sampled_from([1, 5, 30]))
def test_the_first_block_multiplies_each_stake_by_its_likelihood_ratio(
    drawn: tuple[int, int, int, int], seconds: int
) -> None:
    table = Table(*drawn)
    flow = 0.25 * (1 - math.exp(-seconds / 900))
    stakes = [(0.75 + flow) * weight for weight in PRIOR]
    handful = table.candidate < 10 and 1 < table.candidate_events < table.candidate
    counted = table._replace(candidate_events=1) if handful else table
    bets = [
        stake * probability(counted, odds) / probability(counted, 1.0)
        for stake, odds in zip(stakes, ALTERNATIVES, strict=True)
    ]
    cash = 0.25 - flow
    total = cash + sum(bets)
    wealth = Rates().after(table, seconds, UNCAPPED).wealth
    assert wealth.log_total == pytest.approx(math.log(total), rel=1e-9, abs=1e-9)
    assert wealth.cash == pytest.approx(cash / total)
    assert wealth.cash + sum(wealth.bets) == pytest.approx(1)


@few
@given(st.lists(tables, min_size=1, max_size=6))
def test_the_roughness_is_the_mean_square_around_what_the_odds_so_far_make_one_expect(
    drawn: list[tuple[int, int, int, int]],
) -> None:
    dispersion, squares, blocks, observed, expected = EventDispersion(), 20.0, 20.0, 0.0, 0.0
    for table in [Table(*each) for each in drawn]:
        if table.events:
            observed += table.candidate_events
            expected += table.stable_events * table.candidate / table.stable
            odds = max(0.2, (observed + 0.5) / (expected + 0.5))
            part = odds * table.candidate / (odds * table.candidate + table.stable)
            variance = table.events * part * (1 - part)
            squares += (table.candidate_events - table.events * part) ** 2 / max(variance, 1.0)
            blocks += min(1.0, variance)
        dispersion = dispersion.after(table)
        assert dispersion.phi == pytest.approx(max(1.0, squares / blocks))


@few
@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 30), st.floats(0.1, 30)), min_size=1, max_size=6))
def test_the_roughness_of_shifts_is_that_around_the_shift_so_far(drawn: list[tuple[float, float, float]]) -> None:
    dispersion, squares, moved, weight = ShiftDispersion(), 20.0, 0.0, 0.0
    for count, (excess, more, variance) in enumerate(drawn, start=1):
        moved, weight = moved + excess, weight + more
        squares += (excess - moved / weight * more) ** 2 / variance
        dispersion = dispersion.after(excess, more, variance)
        assert dispersion.phi == pytest.approx(max(1.0, squares / (20 + count)))


def log_likelihood(table: Table, candidate: float, stable: float) -> float:
    return (
        table.candidate_events * math.log(candidate)
        + (table.candidate - table.candidate_events) * math.log(1 - candidate)
        + table.stable_events * math.log(stable)
        + (table.stable - table.stable_events) * math.log(1 - stable)
    )


@few
@given(tables, st.integers(0, 60), st.integers(100, 900))
def test_the_proof_bets_seven_tenths_on_equal_roles_and_three_on_a_third_of_the_margin(
    drawn: tuple[int, int, int, int], events: int, trials: int
) -> None:
    table, margin, phi = Table(*drawn), 0.05, 2.0
    rate = (events + 0.5) / (trials + 1)
    bets = []
    for guess in (rate, rate + margin / 3):
        boundary = project(table.candidate, guess, table.stable, rate, margin)
        gain = log_likelihood(table, guess, rate) - log_likelihood(table, boundary + margin, boundary)
        bets.append(gain / phi)
    proof = Proof().seeded(events, trials).after(table, 1, margin, phi)
    assert (proof.equal, proof.slightly_worse) == pytest.approx(tuple(bets), abs=1e-7)
    mixture = math.log(0.7 * math.exp(bets[0]) + 0.3 * math.exp(bets[1]))
    assert proof.log_total == pytest.approx(mixture, abs=1e-7)


def test_the_proof_forgets_rates_with_a_time_constant_of_ten_minutes() -> None:
    proof = Proof().seeded(40, 1000).after(Table(1, 10, 2, 90), 30, 0.01, 1.0)
    assert proof.events == pytest.approx(40 * math.exp(-0.05) + 3)
    assert proof.trials == pytest.approx(1000 * math.exp(-0.05) + 100)


def test_the_proof_guesses_from_fifty_requests_on() -> None:
    assert Proof().seeded(1, 50).after(Table(0, 10, 0, 90), 1, 0.1, 1.0).equal > 0
    assert Proof().seeded(1, 49.9).after(Table(0, 10, 0, 90), 1, 0.1, 1.0).equal == 0


@few
@given(st.integers(0, 400), st.integers(1, 400))
def test_a_wrong_share_is_found_by_a_dirichlet_mixture_of_a_hundred_requests(candidate: int, stable: int) -> None:
    share = 0.1
    block = Block(start=0, seconds=1, share=share, candidate=Counts(requests=candidate), stable=Counts(requests=stable))
    actual = candidate / (candidate + stable)
    nearest = min(1.2 * share, max(0.8 * share, actual))
    mixture = log_beta(10 + candidate, 90 + stable) - log_beta(10, 90)
    expected = mixture - candidate * math.log(nearest) - stable * math.log(1 - nearest)
    assert ShareTest().after(block).log_total == pytest.approx(expected, abs=1e-9)
    assert ShareTest().after(block).after(block).counts == (2 * candidate, 2 * stable)
    due = 0.0 if candidate else stable / 9
    assert Silence().after(block).due == pytest.approx(due)


def normal_score(rank: float, total: float) -> float:
    """By bisection of the distribution function."""
    low, high, wanted = -9.0, 9.0, (rank + 0.5) / (total + 1)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 + math.erf(middle / math.sqrt(2))) / 2 < wanted else (low, middle)
    return low


def test_stables_past_gives_scores_shifts_and_tails() -> None:
    past = tuple((bucket, 10.0) for bucket in range(200, 300))
    scores = scores_of(past)
    z = scores.columns[0]
    assert [z[200], z[250], z[299]] == pytest.approx([normal_score(r, 1000) for r in (5, 505, 995)])
    assert (z[0], z[400]) == pytest.approx((normal_score(0, 1000), normal_score(1000, 1000)))
    assert scores.columns[1][250] == z[250] ** 2
    assert [column[299] for column in scores.columns[2:]] == pytest.approx([math.exp(d * z[299]) for d in SHIFTS])
    assert all(2 * before == after for before, after in pairwise(SHIFTS))
    thrice = 55  # buckets: 1.02 to the power of 55 is 2.97
    assert scores.tails == (289, 298, 299, 298 + thrice)
    assert scores.proof_tail == 294


def test_tails_begin_where_a_tenth_a_hundredth_and_a_thousandth_of_stables_past_are_slower() -> None:
    past = ((200, 8000.0), (210, 1500.0), (220, 450.0), (230, 45.0), (240, 5.0))
    assert scores_of(past).tails[:3] == (210, 220, 230)


stable_pasts = st.lists(st.integers(150, 250), min_size=60, max_size=80)
roughness = st.sampled_from([1.0, 3.0])
buckets = st.lists(st.integers(100, 320), min_size=1, max_size=12)


@few
@given(stable_pasts, buckets, st.lists(st.integers(100, 320), min_size=3, max_size=30), roughness, roughness)
def test_the_first_block_of_latencies_bets_on_five_shifts_and_eight_tails(
    past: list[int], candidate: list[int], stable: list[int], of_shifts: float, of_tails: float
) -> None:
    expect_the_first_bets(past, candidate, stable, of_shifts, of_tails)


def test_slow_requests_are_bet_on_by_the_odds_of_each_tail() -> None:
    expect_the_first_bets([*range(150, 250)], [200, 240, 255, 310], [*range(160, 250, 10), 260], 1.0, 3.0)


def expect_the_first_bets(
    past: list[int], candidate: list[int], stable: list[int], of_shifts: float, of_tails: float
) -> None:
    rules = LatencyRules(tolerance=0.0, floor=0.0, log_cap=100.0, margin=0.05)
    seeded = replace(
        Latency.seeded(histogram(past)),
        shift=ShiftDispersion(spread=Dispersion(squares=20 * of_shifts)),
        tail=EventDispersion(spread=Dispersion(squares=20 * of_tails)),
    )
    scores = scores_of(seeded.stable.settled)
    z = scores.columns[0]
    gains = []
    for shift in (0.15, 0.3, 0.6, 1.2, 2.4):
        mean = sum(math.exp(shift * z[bucket]) for bucket in [*candidate, *stable]) / len([*candidate, *stable])
        gain = math.exp(shift * sum(z[bucket] for bucket in candidate)) / mean ** len(candidate)
        gains.append(gain ** (1 / of_shifts))
    for point, odds in zip(scores.tails, TAIL_ODDS, strict=True):
        table = exceeding(candidate, stable, point)
        gains += [(probability(table, each) / probability(table, 1.0)) ** (1 / of_tails) for each in odds]
    flow = 0.25 * (1 - math.exp(-2 / 900))
    bets = [(0.75 + flow) * weight * gain for weight, gain in zip(LATENCY_PRIOR, gains, strict=True)]
    after = seeded.after(histogram(candidate), histogram(stable), 2, rules)
    assert after.wealth.log_total == pytest.approx(math.log(0.25 - flow + sum(bets)), abs=1e-7)
    assert after.slow == exceeding(candidate, stable, scores.proof_tail)
    assert after.wealth.roughness == max(of_shifts, of_tails)


def test_latencies_of_one_role_alone_are_remembered_and_no_evidence() -> None:
    rules = LatencyRules(tolerance=0.0, floor=0.0, log_cap=100.0, margin=0.05)
    some, seeded = histogram([200, 220]), Latency.seeded(histogram([200] * 40 + [210] * 40))
    for candidate, stable in ((Histogram(), some), (some, Histogram()), (histogram([200]), Histogram())):
        after = seeded.after(candidate, stable, 2, rules)
        assert after.wealth.log_total == pytest.approx(0)
        assert after.stable.recent == stable
        assert after.shift == seeded.shift


def test_a_cold_candidate_and_an_unknown_past_give_no_evidence_but_memories() -> None:
    rules = LatencyRules(tolerance=0.0, floor=0.0, log_cap=100.0, margin=0.05)
    some, seeded = histogram([200, 220]), Latency.seeded(histogram([200] * 80))
    warming = seeded.warming(some, 3)
    assert (warming.stable.recent, warming.stable.recent_seconds) == (some, 3)
    assert (warming.candidate, warming.wealth) == (seeded.candidate, seeded.wealth)
    unknown = Latency().after(some, histogram([210]), 1, rules)
    assert (unknown.candidate.total, unknown.stable.total, unknown.wealth) == (2, 1, Latency().wealth)


@few
@given(stable_pasts, buckets, st.lists(st.integers(100, 320), min_size=3, max_size=30))
def test_what_latencies_leave_for_the_next_block(past: list[int], candidate: list[int], stable: list[int]) -> None:
    rules = LatencyRules(tolerance=0.0, floor=0.0, log_cap=100.0, margin=0.05)
    seeded = Latency.seeded(histogram(past))
    scores = scores_of(seeded.stable.settled)
    z = [scores.columns[0][bucket] for bucket in [*candidate, *stable]]
    mean, n_c, n_s = sum(z) / len(z), len(candidate), len(stable)
    spread = sum((each - mean) ** 2 for each in z) / (len(z) - 1)
    excess, weight = sum(z[:n_c]) - n_c * mean, n_c * n_s / (n_c + n_s)
    slow = exceeding(candidate, stable, scores.proof_tail)
    once = seeded.after(histogram(candidate), histogram(stable), 2, rules)
    assert (once.shift.moved, once.shift.weight) == pytest.approx(
        (excess, weight) if spread > 1e-9 else (once.shift.moved, once.shift.weight), abs=1e-9
    )
    if spread > 1e-9:  # the other way round the excess is as large, and the shift so far none
        back = once.after(histogram(stable), histogram(candidate), 2, rules)
        assert back.shift.phi == pytest.approx(max(1.0, (20 + excess**2 / (weight * spread)) / 22))
    assert once.tail == EventDispersion().after(slow)
    assert once.proof == Proof().after(slow, 2, 0.05, 1.0)
    twice = once.after(histogram(candidate), histogram(stable), 2, rules)
    assert twice.slow == Table(*(2 * count for count in slow))


def histogram(occupied: list[int]) -> Histogram:
    return Histogram(counts=dict(Counter(occupied)))


def exceeding(candidate: list[int], stable: list[int], point: int) -> Table:
    above = [sum(bucket > point for bucket in role) for role in (candidate, stable)]
    return Table(above[0], len(candidate), above[1], len(stable))


def test_what_was_is_forgotten_with_a_time_constant_of_ten_minutes() -> None:
    memory = Memory.seeded(Histogram(counts={200: 100, 210: 1}))
    waiting = memory.after(Histogram(counts={205: 7}), 29)
    assert (waiting.settled, waiting.recent_seconds) == (memory.settled, 29)
    renewed = waiting.after(Histogram(counts={200: 3}), 1)
    kept = math.exp(-30 / 600)
    assert renewed.settled == ((200, round(100 * kept, 4) + 3), (205, 7.0), (210, round(kept, 4)))
    assert renewed.total == pytest.approx(101 * kept + 10, abs=1e-3)
    assert (renewed.recent, renewed.recent_seconds) == (Histogram(), 0)
    assert [bucket for bucket, _ in memory.after(Histogram(), 4500).settled] == [200]


def test_a_memory_is_used_from_fifty_latencies_on_and_renewed_at_once_before() -> None:
    assert Memory.seeded(Histogram(counts={200: 50})).ready
    few = Memory.seeded(Histogram(counts={200: 49}))
    assert not few.ready
    assert few.after(Histogram(counts={201: 10}), 1).ready


def test_quantiles_are_of_all_that_is_remembered() -> None:
    memory = Memory.seeded(Histogram(counts={200: 60})).after(Histogram(counts={220: 39, 230: 2}), 1)
    assert [bucket_of(memory.quantile(share)) for share in (0.5, 0.9, 0.99)] == [200, 220, 230]
    assert math.isnan(Memory().quantile(0.5))


@few
@given(st.integers(1, 3000), st.integers(1, 30_000), st.floats(0, 1), st.floats(0, 1), st.floats(1, 5))
def test_errors_must_be_five_standard_errors_above_stable_at_the_pooled_rate(
    n_c: int, n_s: int, candidate: float, stable: float, phi: float
) -> None:
    x, y = int(n_c * candidate), int(n_s * stable * 0.2)
    pooled = (x + y) / (n_c + n_s)
    distance = x / n_c - y / n_s
    error = math.sqrt(phi * pooled * (1 - pooled) * (1 / n_c + 1 / n_s))
    assume(abs(distance - 5 * error) > 1e-12)
    limits = Limits(errors=None, errors_above_stable=0.0, latency=None, latency_above_stable=None)
    told = broken_rules(Sums(requests=n_c, errors=x), Sums(requests=n_s, errors=y), limits, phi)
    assert list(told) == (["errors-above-stable"] if distance > 5 * error and distance > 0 else [])


@few
@given(
    st.lists(st.integers(100, 700), min_size=2, max_size=40), st.lists(st.integers(100, 700), min_size=2, max_size=40)
)
def test_latencies_must_be_five_standard_errors_of_the_means_above_stable(
    candidate: list[int], stable: list[int]
) -> None:
    phi = 1.5
    sums = [
        Sums().plus(Counts(requests=len(role) + 1, app_errors=1, latencies=histogram(role)))
        for role in (candidate, stable)
    ]
    seconds = [[SECONDS[bucket] for bucket in role] for role in (candidate, stable)]
    distance = fmean(seconds[0]) - fmean(seconds[1])
    error = math.sqrt(phi * sum(pvariance(role) / len(role) for role in seconds))
    assume(abs(distance - 5 * error) > 1e-6 * max(map(max, seconds)))
    limits = Limits(errors=None, errors_above_stable=None, latency=None, latency_above_stable=0.0)
    told = broken_rules(sums[0], sums[1], limits, phi)
    assert list(told) == (["latency-above-stable"] if distance > 5 * error else [])


def divergence(p: float, q: float) -> float:
    return sum(a * math.log(a / b) for a, b in ((p, q), (1 - p, 1 - q)) if a > 0)


@few
@given(st.floats(0.5, 200), st.floats(1, 2000), st.floats(0.001, 0.3), st.floats(0.01, 0.6))
def test_the_forecast_is_the_level_divided_by_what_a_second_tells(
    candidate: float, stable: float, rate: float, rise: float
) -> None:
    rules, traffic = Settings(), Traffic(candidate=candidate, stable=stable, error_rate=rate, log_spread=0.5)
    bad = candidate * (rate + rise)
    errors = bad + stable * rate
    growth = errors * divergence(bad / errors, candidate / (candidate + stable))
    level = -math.log(0.01) - math.log(0.6) - math.log(0.75 * 0.26)
    block = block_seconds(candidate, stable)
    blocks = level / growth / block
    assume(growth > 1e-9 and abs(blocks - round(blocks)) > 1e-9)
    assert time_to_detect(rules, traffic, rise) == (block * max(2, math.ceil(blocks)) if bad > candidate * rate else 0)
    effective = 600 / (1 / candidate + 1 / stable)
    level = -math.log(0.01) - math.log(0.4) - math.log(0.75 * 0.18)
    assert smallest_slowdown(rules, traffic, 600) == pytest.approx(math.exp(0.5 * math.sqrt(2 * level / effective)))


@few
@given(st.floats(0.5, 200), st.floats(1, 2000), st.floats(0.001, 0.9))
def test_the_forecast_of_the_proof_is_that_of_its_slower_half(candidate: float, stable: float, rate: float) -> None:
    growths = []
    for each, margin in ((rate, 0.01), (0.05, 0.05)):
        boundary = project(candidate, each, stable, each, margin)
        growths.append(candidate * divergence(each, boundary + margin) + stable * divergence(each, boundary))
    traffic = Traffic(candidate=candidate, stable=stable, error_rate=rate)
    assert time_to_proof(Settings(), traffic) == pytest.approx(math.log(20 / 0.7) / min(growths), rel=1e-6)


@few
@given(st.integers(0, 300), st.integers(1, 3000), st.sampled_from([1.0, 3.0]))
def test_an_interval_of_a_rate_ends_where_the_likelihood_falls_below_the_mixtures_twentieth(
    events: int, others: int, phi: float
) -> None:
    k, n = events / phi, (events + others) / phi
    found = rate_interval(events, events + others, 0.05, phi)
    level = math.log(0.05) + log_beta(k + 0.5, n - k + 0.5) - log_beta(0.5, 0.5)
    for edge in (found.low, found.high):
        if 0 < edge < 1:
            assert k * math.log(edge) + (n - k) * math.log(1 - edge) == pytest.approx(level, abs=1e-6)
    assert found.low <= found.estimate == events / (events + others) <= found.high
    assert (found.low == 0) is (events == 0)


def log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def test_evidence_is_six_tenths_of_errors_and_four_of_latency_and_shown_as_part_of_the_way() -> None:
    state = State(started=0, until=400, latest_request=400)
    state = replace(
        state,
        errors=replace(state.errors, wealth=Wealth(log_total=2.0), proof=Proof(equal=2.0, slightly_worse=1.0)),
        latency=replace(state.latency, wealth=Wealth(log_total=1.0), proof=Proof(equal=5.0)),
    )
    evidence = math.log(0.6 * math.exp(2.0) + 0.4 * math.exp(1.0))
    proof = math.log(0.7 * math.exp(2.0) + 0.3 * math.exp(1.0))
    assert log_evidence(Settings(), state) == pytest.approx(evidence)
    told = verdict(Settings(), state, 410)
    assert told.towards_abort == pytest.approx(100 * evidence / math.log(100))
    assert told.towards_promotion == pytest.approx(100 * proof / math.log(20))
    assert told.seconds == 410
    assert told.reasons == (
        f"errors: {100 * proof / math.log(20):.0f} % of the proof of being no worse",
        "there is some evidence of harm",
    )


def test_all_requests_so_far_are_added_up() -> None:
    table = Table(1, 10, 2, 90)
    assert Rates().after(table, 1, UNCAPPED).after(table, 1, UNCAPPED).totals == Table(2, 20, 4, 180)


def test_what_came_lately_weighs_as_much_as_it_is() -> None:
    memory = Memory.seeded(Histogram(counts={200: 60})).after(Histogram(counts={220: 60}), 1)
    assert bucket_of(memory.quantile(0.5)) == 200


def test_proof_beyond_all_numbers_stays_a_number() -> None:
    assert Proof(equal=2000.0).log_total == pytest.approx(2000 + math.log(0.7))
    assert Proof(slightly_worse=2000.0).log_total == pytest.approx(2000 + math.log(0.3))


def test_a_past_at_the_end_of_all_buckets_has_its_tails_there() -> None:
    assert scores_of(((BUCKETS - 1, 100.0),)).tails == (BUCKETS - 1,) * 4
