"""When requests arrive: decided ahead of time, whatever the server does."""

import random
from collections.abc import Iterator
from itertools import count
from typing import Literal

Arrivals = Literal["constant", "poisson"]


def offsets(arrivals: Arrivals, rate: float, seed: int) -> Iterator[float]:
    """The moments of arrival in seconds after the start, without end; `rate` is in requests per second."""
    if rate <= 0:
        raise ValueError(f"cannot schedule arrivals: the rate must be above zero, not {rate}")
    return _poisson(rate, seed) if arrivals == "poisson" else _constant(rate)


def _constant(rate: float) -> Iterator[float]:
    # Divided anew each time: a running sum would drift.
    return (number / rate for number in count())


def _poisson(rate: float, seed: int) -> Iterator[float]:
    chance = random.Random(seed)
    at = 0.0
    while True:
        at += chance.expovariate(rate)
        yield at
