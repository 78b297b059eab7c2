"""Arrivals are decided ahead of time."""

from itertools import islice, pairwise

import pytest

from comporta.load.arrivals import offsets


def test_a_constant_rate_is_evenly_spaced_and_does_not_drift() -> None:
    moments = list(islice(offsets("constant", 400, seed=0), 400_001))
    assert moments[0] == 0
    assert moments[1] == 1 / 400
    assert moments[-1] == 1000


def test_poisson_arrivals_repeat_with_the_seed_and_keep_the_rate() -> None:
    moments = list(islice(offsets("poisson", 100, seed=7), 20_000))
    assert moments == list(islice(offsets("poisson", 100, seed=7), 20_000))
    assert moments != list(islice(offsets("poisson", 100, seed=8), 20_000))
    assert all(early < late for early, late in pairwise(moments))
    assert moments[-1] == pytest.approx(200, rel=0.05)


def test_a_rate_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="rate"):
        offsets("constant", 0, seed=0)
