"""What each latency bucket is worth, judged by the stable role's past: normal scores, weights and tail points."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

from comporta.model.histogram import BUCKETS, RELATIVE_WIDTH, quantile_bucket

SHIFTS = (0.15, 0.3, 0.6, 1.2, 2.4)  # in standard deviations of the normal scores
TAIL_SHARES = (0.90, 0.99, 0.999)
TAIL_FACTOR = 3.0  # times the 99 % point
PROOF_SHARE = 0.95
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Scores:
    """Per bucket: its normal score, the score's square, and e^(d·score) for each shift d.

    Attributes:
        columns: score, square, and one weight for each of `SHIFTS`.
        tails: the buckets above which a latency counts as slow, one for each comparison of tails.
        proof_tail: the same for the stable's 95 % point.
    """

    columns: tuple[tuple[float, ...], ...]
    tails: tuple[int, ...]
    proof_tail: int


@lru_cache(maxsize=8)
def scores_of(past: tuple[tuple[int, float], ...]) -> Scores:
    """From weighted buckets in order, which must not be empty."""
    z = _normal_scores(past)
    weights = [tuple([math.exp(shift * score) for score in z]) for shift in SHIFTS]
    counts = dict(past)
    tails = [_tail(counts, share) for share in TAIL_SHARES]
    far = min(BUCKETS - 1, tails[1] + round(math.log(TAIL_FACTOR) / math.log1p(RELATIVE_WIDTH)))
    return Scores(
        columns=(tuple(z), tuple([score * score for score in z]), *weights),
        tails=(*tails, far),
        proof_tail=_tail(counts, PROOF_SHARE),
    )


def _normal_scores(past: tuple[tuple[int, float], ...]) -> list[float]:
    """The normal quantile of each bucket's mid-rank; all buckets between two occupied ones share a score."""
    occupied = [bucket for bucket, _ in past]
    total = sum(weight for _, weight in past)
    inside, between, below = [], [], 0.0
    for _, weight in past:
        between.append(_score(below, total))
        inside.append(_score(below + weight / 2, total))
        below += weight
    between.append(_score(below, total))
    scores = []
    for bucket in range(BUCKETS):
        place = bisect_left(occupied, bucket)
        here = place < len(occupied) and occupied[place] == bucket
        scores.append(inside[place] if here else between[place])
    return scores


def _score(rank: float, total: float) -> float:
    return _NORMAL.inv_cdf((rank + 0.5) / (total + 1))


def _tail(counts: dict[int, float], share: float) -> int:
    bucket = quantile_bucket(counts, share)
    assert bucket is not None, "the past must not be empty"
    return bucket
