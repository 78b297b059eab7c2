"""The noncentral hypergeometric law is exact, from empty tables to a million requests, and its bets are fair."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comporta.analysis.blocks import Table
from comporta.analysis.fisher import is_informative, log_likelihoods, log_partitions

ODDS = (1.0, 1.5, 9.0, 300.0, 0.05)
LOG_ODDS = tuple(map(math.log, ODDS))


def exact(n_c: int, n_s: int, m: int, odds: float) -> list[Fraction]:
    """The law's probabilities for each possible x, by counting."""
    support = range(max(0, m - n_s), min(m, n_c) + 1)
    weights = [math.comb(n_c, x) * math.comb(n_s, m - x) * Fraction(odds) ** x for x in support]
    return [weight / sum(weights) for weight in weights]


def ratios(n_c: int, n_s: int, m: int) -> dict[int, list[float]]:
    """f(x; ω)/f(x; 1) for each x and each ω of `ODDS`, as the room computes them."""
    found = {}
    for x in range(max(0, m - n_s), min(m, n_c) + 1):
        likelihoods = log_likelihoods(Table(x, n_c, m - x, n_s), LOG_ODDS)
        found[x] = [math.exp(likelihood - likelihoods[0]) for likelihood in likelihoods]
    return found


@pytest.mark.parametrize(("n_c", "n_s", "m"), [(3, 50, 4), (25, 475, 5), (10, 4, 9), (60, 300, 90), (150, 100, 120)])
def test_likelihood_ratios_agree_with_counting(n_c: int, n_s: int, m: int) -> None:
    laws = [exact(n_c, n_s, m, odds) for odds in ODDS]
    for place, of_x in enumerate(ratios(n_c, n_s, m).values()):
        expected = [float(law[place] / laws[0][place]) for law in laws]
        assert of_x == pytest.approx(expected, rel=1e-9)


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_every_bet_on_an_odds_ratio_is_fair(n_c: int, n_s: int, data: st.DataObject) -> None:
    m = data.draw(st.integers(0, n_c + n_s))
    fair = exact(n_c, n_s, m, 1.0)
    for bet in zip(*ratios(n_c, n_s, m).values(), strict=True):
        assert math.fsum(float(p) * e for p, e in zip(fair, bet, strict=True)) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize(("n_c", "n_s", "m"), [(50_000, 950_000, 10_000), (50_000, 950_000, 500_000), (400, 400, 799)])
def test_large_tables_agree_with_the_sum_over_all_terms(n_c: int, n_s: int, m: int) -> None:
    def log_sum(log_ratio: float) -> float:
        terms = [
            math.lgamma(n_c + 1) - math.lgamma(x + 1) - math.lgamma(n_c - x + 1)
            + math.lgamma(n_s + 1) - math.lgamma(m - x + 1) - math.lgamma(n_s - m + x + 1) + x * log_ratio
            for x in range(max(0, m - n_s), min(m, n_c) + 1)
        ]  # fmt: skip
        top = max(terms)
        return top + math.log(math.fsum(math.exp(term - top) for term in terms))

    fair, *others = log_partitions(n_c, n_s, m, LOG_ODDS)
    expected = [log_sum(log_ratio) - log_sum(0.0) for log_ratio in LOG_ODDS[1:]]
    assert [other - fair for other in others] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("m", [0, 1, 20, 999_999, 1_000_000])
def test_a_million_requests_with_any_number_of_errors_stay_finite(m: int) -> None:
    partitions = log_partitions(50_000, 950_000, m, LOG_ODDS)
    assert all(map(math.isfinite, partitions))
    assert partitions[0] <= partitions[1] <= partitions[3]  # grows with ω: more weight on more candidate errors


@given(st.integers(1, 200), st.integers(1, 200), st.data())
def test_swapping_the_roles_inverts_the_odds_ratio(n_c: int, n_s: int, data: st.DataObject) -> None:
    x, y = data.draw(st.integers(0, n_c)), data.draw(st.integers(0, n_s))
    there = log_likelihoods(Table(x, n_c, y, n_s), LOG_ODDS)
    back = log_likelihoods(Table(y, n_s, x, n_c), tuple(-log_ratio for log_ratio in LOG_ODDS))
    assert [each - there[0] for each in there] == pytest.approx([each - back[0] for each in back], abs=1e-7)


@pytest.mark.parametrize(
    ("table", "informative"),
    [
        (Table(0, 10, 0, 10), False),
        (Table(10, 10, 10, 10), False),
        (Table(0, 0, 3, 10), False),
        (Table(3, 10, 0, 0), False),
        (Table(0, 10, 1, 10), True),
        (Table(0, 1, 1, 10), True),
        (Table(1, 10, 0, 1), True),
    ],
)
def test_a_table_says_something_only_if_another_one_had_the_same_margins(table: Table, informative: bool) -> None:
    assert is_informative(table) is informative
