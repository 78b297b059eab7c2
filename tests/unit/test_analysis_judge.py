"""The whole judge: four verdicts, a state that survives a restart, and blocks that count once."""

import json
import math
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from comporta.analysis.blocks import IN_FLIGHT, Block, block_seconds, first_start
from comporta.analysis.intervals import odds_interval, rate_interval
from comporta.analysis.judge import BlockReplayed, Settings, State, begin, log_evidence, update
from comporta.analysis.latency import Latency
from comporta.analysis.limits import Limits
from comporta.analysis.proof import Proof
from comporta.analysis.rates import Rates
from comporta.analysis.verdict import Kind, Verdict, verdict
from comporta.analysis.wealth import Wealth
from comporta.model.figures import Counts
from comporta.model.histogram import Histogram, seconds_of
from comporta.model.values import from_json, to_json

SETTINGS = Settings()


def counts(rng: random.Random, requests: int, errors: float, slower: float = 1.0) -> Counts:
    failed = sum(rng.random() < errors for _ in range(requests))
    latencies = [0.08 * slower * math.exp(0.6 * rng.gauss(0, 1)) for _ in range(requests - failed)]
    return Counts(requests=requests, app_errors=failed, latencies=Histogram.of(latencies))


def traffic(seconds: int, *, errors: float = 0.01, slower: float = 1.0, seed: int = 7, **more: Any) -> list[Block]:
    """Blocks of a second, 25 requests for the candidate and 225 for stable, whose error rate is 1 %."""
    rng = random.Random(seed)
    return [
        Block(start=t, seconds=1, candidate=counts(rng, 25, errors, slower), stable=counts(rng, 225, 0.01), **more)
        for t in range(seconds)
    ]


def judged(blocks: Iterable[Block], state: State | None = None, rules: Settings = SETTINGS) -> State:
    state = begin(counts(random.Random(1), 3000, 0.01)) if state is None else state
    for block in blocks:
        state = update(rules, state, block)
    return state


def said(state: State, at: float, rules: Settings = SETTINGS) -> Verdict:
    return verdict(rules, state, at)


def test_an_equal_candidate_passes_after_the_bake_time_and_not_before() -> None:
    state = judged(traffic(300, share=0.1))
    early = said(state, 299)
    assert early.kind is Kind.INCONCLUSIVE
    assert early.reasons == ("299 s of 300 s under traffic",)
    late = said(state, 300)
    assert late.kind is Kind.PASS
    assert (late.towards_promotion, late.candidate_requests, late.stable_requests) == (100, 7500, 67_500)


def test_some_evidence_of_harm_keeps_a_proven_candidate_from_passing() -> None:
    state = judged(traffic(300, share=0.1))
    errors = state.errors
    doubted = replace(state, errors=replace(errors, wealth=replace(errors.wealth, log_total=2.0)))
    told = said(doubted, 300)
    assert (told.kind, told.reasons) == (Kind.INCONCLUSIVE, ("there is some evidence of harm",))
    assert 0 < told.towards_abort < 100


def test_a_candidate_that_fails_more_requests_fails_and_stays_failed() -> None:
    state = judged(traffic(40, errors=0.2))
    told = said(state, 40)
    assert (told.kind, told.reasons) == (Kind.FAIL, ("the candidate fails more requests than stable",))
    assert told.towards_abort == 100
    recovered = judged(
        [Block(start=t, seconds=1, candidate=c.candidate, stable=c.stable) for t, c in enumerate(traffic(400), 40)],
        state,
    )
    assert said(recovered, 440).kind is Kind.FAIL


def test_what_was_judged_to_fail_is_not_judged_again() -> None:
    failed = replace(begin(), failed="it was bad")
    assert said(judged(traffic(3), failed), 3).reasons == ("it was bad",)
    assert said(failed, 0).towards_abort == 100


def test_a_slower_candidate_fails_for_being_slower() -> None:
    told = said(judged(traffic(90, slower=1.6)), 90)
    assert (told.kind, told.reasons) == (Kind.FAIL, ("the candidate is slower than stable",))
    assert told.latency.candidate_p50 == pytest.approx(1.6 * (told.latency.stable_p50 or 0), rel=0.15)


def test_a_tolerated_slowness_is_no_failure() -> None:
    rules = Settings(latency_tolerance=0.2)
    blocks = traffic(240, slower=1.2)
    assert judged(blocks).failed
    assert not judged(blocks, rules=rules).failed


def test_what_nobody_can_feel_is_no_failure() -> None:
    quick = [replace(b, candidate=scaled(b.candidate, 0.004), stable=scaled(b.stable, 0.002)) for b in traffic(300)]
    before = scaled(counts(random.Random(1), 3000, 0.01), 0.002)
    told = said(judged(quick, begin(before)), 300)
    assert told.kind is Kind.PASS, "nor does it keep anything from being proven"
    assert judged(quick, rules=Settings(latency_floor=0.0)).failed
    slow_tail = [replace(b, candidate=scaled(b.candidate, 1.0), stable=scaled(b.stable, 0.002)) for b in traffic(240)]
    assert judged(slow_tail).failed, "what can be felt counts as before"


def scaled(counts: Counts, factor: float) -> Counts:
    """The same requests, each with a latency that is `factor` times as long."""
    latencies = [seconds_of(b) * factor for b, n in counts.latencies.counts.items() for _ in range(n)]
    return replace(counts, latencies=Histogram.of(latencies))


def test_a_cold_candidates_latencies_do_not_count() -> None:
    blocks = traffic(29, slower=4.0)
    assert not judged(blocks).failed
    assert judged(blocks, rules=Settings(warm_up=0)).failed


def test_an_absolute_limit_kills_beside_the_comparison() -> None:
    rules = Settings(limits=Limits(values={"memory": 0.9}))
    blocks = traffic(2, values={"memory": 0.95})
    assert said(judged(blocks, rules=rules), 2, rules).reasons == ("memory is 0.95, above 0.9, for two blocks",)


def test_without_any_request_there_is_no_data() -> None:
    assert said(State(), 0).kind is Kind.NO_DATA
    idle = judged([Block(start=t, seconds=30) for t in range(0, 300, 30)])
    assert said(idle, 300).kind is Kind.NO_DATA
    stopped = judged(traffic(300, share=0.1))
    assert said(stopped, 360).kind is Kind.PASS
    assert said(stopped, 361).kind is Kind.NO_DATA


def test_a_minute_without_a_request_is_still_judged_and_more_is_no_data() -> None:
    once = update(SETTINGS, begin(), Block(start=0, seconds=1, candidate=Counts(requests=1), stable=Counts(requests=9)))
    assert said(once, 61).kind is Kind.INCONCLUSIVE
    assert said(once, 61.5).kind is Kind.NO_DATA


@pytest.mark.parametrize(("evidence", "kind"), [(0.999, Kind.PASS), (1.001, Kind.INCONCLUSIVE)])
def test_nothing_is_promoted_once_harm_is_e_times_as_likely(evidence: float, kind: Kind) -> None:
    proven, wealth = Proof(equal=50.0), Wealth(log_total=evidence)
    state = State(
        started=0,
        until=400,
        latest_request=400,
        errors=Rates(wealth=wealth, proof=proven),
        latency=Latency(wealth=wealth, proof=proven),
    )
    assert said(state, 400).kind is kind


def test_little_traffic_is_inconclusive_and_says_what_is_missing() -> None:
    blocks = [
        Block(start=t, seconds=30, candidate=Counts(requests=1), stable=Counts(requests=9)) for t in range(0, 600, 30)
    ]
    told = said(judged(blocks), 600)
    assert told.kind is Kind.INCONCLUSIVE
    assert [reason.split(":")[0] for reason in told.reasons] == ["errors", "latency"]
    assert 0 <= told.towards_promotion < 100


def test_a_silent_candidate_is_held_and_said() -> None:
    rng = random.Random(1)
    blocks = [Block(start=t, seconds=1, stable=counts(rng, 250, 0.01), share=0.1) for t in range(5)]
    told = said(judged(blocks), 5)
    assert told.kind is Kind.INCONCLUSIVE
    assert any("none came" in reason for reason in told.reasons)


def test_a_share_that_is_not_the_declared_one_is_held_and_said() -> None:
    told = said(judged(traffic(300, share=0.5)), 300)
    assert told.kind is Kind.INCONCLUSIVE
    assert told.reasons == ("the candidate does not get the share of requests that it was given",)


def with_sick_instance(blocks: list[Block]) -> list[Block]:
    """One of stable's instances fails a third of its requests, as a bad candidate would."""
    sick = Counts(requests=60, app_errors=20)
    return [
        Block(start=b.start, seconds=1, candidate=b.candidate, stable=b.stable.plus(sick), sentinel=sick)
        for b in blocks
    ]


def test_where_one_stable_instance_differs_the_comparison_is_not_believed() -> None:
    state = judged(with_sick_instance(traffic(20, errors=0.5)))
    assert log_evidence(SETTINGS, state) > SETTINGS.abort_level
    told = said(state, 20)
    assert told.kind is Kind.INCONCLUSIVE
    assert "routing is not random" in told.reasons[0]


def test_even_then_an_absolute_limit_kills() -> None:
    told = said(judged(with_sick_instance(traffic(60, errors=0.5))), 60)
    assert told.kind is Kind.FAIL
    assert told.reasons[0].endswith("above 10.0%")


def test_what_is_less_than_the_smallest_harm_is_no_failure() -> None:
    blocks = traffic(120, errors=0.04)
    assert judged(blocks).failed
    tolerant = Settings(harm=6.0, limits=Limits(errors_above_stable=None))
    assert not judged(blocks, rules=tolerant).failed


def test_without_errors_there_is_no_doubt() -> None:
    rng = random.Random(1)
    blocks = [
        Block(start=t, seconds=1, candidate=counts(rng, 25, 0.0), stable=counts(rng, 225, 0.0)) for t in range(300)
    ]
    assert said(judged(blocks), 300).kind is Kind.PASS


def test_a_block_is_taken_once_and_in_order() -> None:
    blocks = traffic(5)
    state = judged(blocks)
    for block in blocks:
        with pytest.raises(BlockReplayed, match="already counted up to 5"):
            update(SETTINGS, state, block)


def test_skipping_a_block_is_harmless() -> None:
    blocks = traffic(300, share=0.1)
    assert said(judged(blocks[:100] + blocks[150:]), 300).kind is Kind.PASS


@settings(max_examples=10)
@given(st.integers(0, 60), st.integers(0, 3))
def test_a_run_that_was_interrupted_goes_on_as_if_it_had_not_been(stop: int, seed: int) -> None:
    blocks = traffic(60, errors=0.03, slower=1.05, seed=seed, share=0.1)
    journalled = json.dumps(to_json(judged(blocks[:stop])))
    resumed = from_json(json.loads(journalled), State)
    assert judged(blocks[stop:], resumed) == judged(blocks)


def test_a_state_is_small_enough_to_be_journalled_with_each_block() -> None:
    assert len(json.dumps(to_json(judged(traffic(300, share=0.1))))) < 20_000


def test_a_verdict_survives_json() -> None:
    told = said(judged(traffic(30)), 30)
    assert from_json(json.loads(json.dumps(to_json(told))), Verdict) == told


EXTREMES = [
    (Counts(), Counts()),
    (Counts(requests=1), Counts()),
    (Counts(), Counts(requests=1, proxy_errors=1)),
    (Counts(requests=5, app_errors=5), Counts(requests=5, app_errors=5)),
    (Counts(requests=50_000, app_errors=50_000), Counts(requests=950_000)),
    (Counts(requests=50_000), Counts(requests=950_000, proxy_errors=950_000)),
    (Counts(requests=50_000, app_errors=25_000), Counts(requests=950_000, app_errors=475_000)),
]


@pytest.mark.parametrize(("candidate", "stable"), EXTREMES)
def test_extremes_stay_finite(candidate: Counts, stable: Counts) -> None:
    state = judged(Block(start=t, seconds=1, candidate=candidate, stable=stable, share=0.05) for t in range(20))
    assert math.isfinite(log_evidence(SETTINGS, state))
    json.dumps(to_json(verdict(SETTINGS, state, 20)), allow_nan=False)
    json.dumps(to_json(state), allow_nan=False)


def test_a_candidate_that_always_fails_is_stopped_by_its_second_block() -> None:
    dead = [
        Block(
            start=t,
            seconds=1,
            candidate=Counts(requests=25, proxy_errors=25),
            stable=Counts(requests=475, app_errors=5),
        )
        for t in range(2)
    ]
    assert not judged(dead[:1]).failed
    assert judged(dead).failed


def test_an_outage_of_both_is_no_failure() -> None:
    rng = random.Random(4)
    down = [
        Block(start=t, seconds=1, candidate=counts(rng, 25, 0.5, 5), stable=counts(rng, 475, 0.5, 5)) for t in range(90)
    ]
    assert not judged(down).failed


def test_of_sixty_healthy_candidates_hardly_one_is_aborted() -> None:
    assert sum(bool(judged(traffic(60, seed=seed)).failed) for seed in range(60)) <= 2


def test_worse_candidates_give_more_evidence() -> None:
    rules = Settings(alpha=1e-9)
    evidence = [
        log_evidence(rules, judged(traffic(60, errors=errors), rules=rules)) for errors in (0.01, 0.04, 0.1, 0.3)
    ]
    assert evidence == sorted(evidence)


@pytest.mark.parametrize(
    "wrong",
    [{"alpha": 0}, {"beta": 1}, {"errors_share": 1}, {"margin": -1}, {"harm": 0.5}, {"latency_tolerance": -0.1}],
)
def test_settings_that_promise_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Settings(**wrong)


def test_counts_with_more_errors_than_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="errors must be"):
        Counts(requests=1, app_errors=1, proxy_errors=1)


@pytest.mark.parametrize(
    ("candidate", "stable", "seconds"),
    [(25, 475, 1), (2.5, 47.5, 1), (0.25, 4.75, 4), (0.01, 1, 30), (0, 5, 30), (5, 0, 30), (1.0, 1.0, 5)],
)
def test_a_block_is_long_enough_to_expect_both_roles_in_it(candidate: float, stable: float, seconds: int) -> None:
    assert block_seconds(candidate, stable) == seconds


def test_after_a_change_of_weights_blocks_begin_anew_on_the_clock() -> None:
    assert first_start(101.2 + IN_FLIGHT, 4) == 108
    assert first_start(104, 4) == 104


def test_latencies_are_judged_from_thirty_seconds_after_the_first_block_on() -> None:
    one = update(SETTINGS, begin(counts(random.Random(1), 3000, 0.01)), replace(traffic(1)[0], start=100))
    block = traffic(1, slower=2.0)[0]
    cold = update(SETTINGS, one, replace(block, start=129))
    warm = update(SETTINGS, one, replace(block, start=130))
    assert cold.latency.wealth == one.latency.wealth
    assert warm.latency.wealth != one.latency.wealth
    assert (warm.started, warm.until, warm.latest_request) == (100, 131, 131)


def test_a_block_without_requests_is_no_sign_of_life() -> None:
    state = update(SETTINGS, judged(traffic(5)), Block(start=5, seconds=7))
    assert (state.until, state.latest_request) == (12, 5)


def test_a_judge_begins_with_what_stable_did_before() -> None:
    before = counts(random.Random(1), 3000, 0.01)
    state = begin(before)
    assert (state.errors.proof.events, state.errors.proof.trials) == (before.errors, 3000)
    assert state.latency.stable.total == before.latencies.total
    assert begin() == State()


def test_what_is_spent_on_errors_is_not_spent_on_latency() -> None:
    rules = Settings(errors_share=0.7, alpha=0.02, harm=2.0, margin=0.03, latency_margin=0.04, latency_floor=0.01)
    assert rules.latency_share == pytest.approx(0.3)
    assert rules.rate_rules.log_cap == pytest.approx(math.log(1.001 / math.sqrt(0.7 * 0.02)))
    assert rules.latency_rules.log_cap == pytest.approx(math.log(1.001 / math.sqrt(0.3 * 0.02)))
    assert (rules.rate_rules.margin, rules.latency_rules.margin, rules.latency_rules.floor) == (0.03, 0.04, 0.01)
    assert rules.rate_rules.log_odds[8] == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("wealth", "failed"), [(math.log(20) - 0.001, True), (math.log(20), False), (math.log(20) + 0.001, False)]
)
def test_the_comparison_is_disbelieved_from_twenty_to_one_on(wealth: float, failed: bool) -> None:
    state = judged(traffic(1))
    sure = replace(state.errors.wealth, log_total=50.0)
    doubted = replace(
        state,
        errors=replace(state.errors, wealth=sure),
        sentinel=replace(state.sentinel, wealth=replace(state.sentinel.wealth, log_total=wealth)),
    )
    assert bool(update(SETTINGS, doubted, Block(start=1, seconds=1)).failed) is failed


def test_a_verdict_tells_the_quantiles_and_rates_of_both_roles() -> None:
    state = judged(traffic(60, errors=0.03, slower=1.5))
    told = said(state, 60)
    for role, memory in (("candidate", state.latency.candidate), ("stable", state.latency.stable)):
        shares = (0.5, 0.95, 0.99)
        assert [getattr(told.latency, f"{role}_p{100 * share:.0f}") for share in shares] == [
            memory.quantile(share) for share in shares
        ]
    totals, slow = state.errors.totals, state.latency.slow
    assert told.errors.candidate.estimate == totals.candidate_events / totals.candidate
    assert told.errors.stable.estimate == totals.stable_events / totals.stable
    assert told.latency.candidate_slow.estimate == slow.candidate_events / slow.candidate
    assert told.latency.stable_slow.estimate == slow.stable_events / slow.stable
    assert told.errors.odds_low < told.errors.odds_ratio < (told.errors.odds_high or 0)
    assert said(State(), 0).latency.candidate_p50 is None
    assert said(State(), 0).errors.odds_high is None


def test_what_is_shown_of_rates_and_odds_covers_them_with_95_percent() -> None:
    state = judged(traffic(3, errors=0.2))
    told, totals, slow = said(state, 3), state.errors.totals, state.latency.slow
    phi, of_slow = state.errors.dispersion.phi, state.latency.tail.phi
    assert told.errors.candidate == rate_interval(totals.candidate_events, totals.candidate, 0.05, phi)
    assert told.errors.stable == rate_interval(totals.stable_events, totals.stable, 0.05, phi)
    assert told.latency.candidate_slow == rate_interval(slow.candidate_events, slow.candidate, 0.05, of_slow)
    assert told.latency.stable_slow == rate_interval(slow.stable_events, slow.stable, 0.05, of_slow)
    odds = odds_interval(state.errors.likelihoods, SETTINGS.rate_rules.log_odds, 0.05)
    assert (told.errors.odds_low, told.errors.odds_ratio) == (odds.low, odds.estimate)
    assert (told.errors.odds_high or math.inf) == odds.high


def test_evidence_beyond_all_numbers_stays_a_number() -> None:
    state = begin()
    sure = replace(state, errors=replace(state.errors, wealth=replace(state.errors.wealth, log_total=2000.0)))
    assert log_evidence(SETTINGS, sure) == pytest.approx(2000 + math.log(0.6))


def test_where_both_speak_as_loudly_the_errors_are_named() -> None:
    rules, state = Settings(errors_share=0.5), begin()
    loud = replace(state.errors.wealth, log_total=50.0)
    both = replace(
        state,
        errors=replace(state.errors, wealth=loud),
        latency=replace(state.latency, wealth=replace(state.latency.wealth, log_total=50.0)),
    )
    assert update(rules, both, Block(start=0, seconds=1)).failed == "the candidate fails more requests than stable"
    assert update(rules, state, Block(start=0, seconds=1)).failed == ""


def test_ages_and_percentages_stay_within_their_range() -> None:
    assert said(State(), 5).seconds == 0
    begun = replace(begin(), started=100)
    assert [said(begun, at).seconds for at in (90, 100.5, 110)] == [0, 0.5, 10]
    for evidence, percent in ((-3.0, 0), (50.0, 100)):
        wealth = replace(begun.errors.wealth, log_total=evidence)
        weighed = replace(
            begun, errors=replace(begun.errors, wealth=wealth), latency=replace(begun.latency, wealth=wealth)
        )
        assert said(weighed, 110).towards_abort == percent
