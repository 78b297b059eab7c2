"""What became of every request: exact counts and exact percentiles, nothing sampled, nothing left out.

Times are `time.monotonic()` seconds, durations seconds, sizes bytes. A failed request has no latency: counted among
the others, a refusal within a microsecond would make the service look faster.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from comporta.load.wire import ErrorKind

EXAMPLES = 5
PERCENTS = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}


class Sample(msgspec.Struct, frozen=True, gc=False):  # gc=False: a collector's pause would look like the server's
    """One request.

    `intended` is when it was due, `started` when its bytes were handed to the socket (or, if none were, when it got
    its turn), `finished` when the last byte of the answer was read or it failed. `headers` are the watched response
    headers that were there, in the order watched: the first one names the release that answered.
    """

    kind: str
    intended: float
    started: float
    finished: float
    status: int | None
    error: ErrorKind | None
    detail: str
    connection: Literal["kept", "new", "none"]
    received: int
    headers: dict[str, str]

    @property
    def latency(self) -> float:
        """Seconds from when it was due: what a user waits, in line too."""
        return self.finished - self.intended

    @property
    def service(self) -> float:
        """Seconds from when it was sent: what the server takes."""
        return self.finished - self.started

    @property
    def release(self) -> str | None:
        """The release that answered, if the answer told."""
        return next(iter(self.headers.values()), None)


class Failure(Struct, frozen=True):
    """How often requests failed in one way, with the first examples."""

    count: int
    examples: tuple[Sample, ...]


class Scenarios(Struct, frozen=True):
    """How often a scenario ran, and the first reasons why it broke off (a failed request or its own exception)."""

    started: int = 0
    completed: int = 0
    broken: tuple[str, ...] = ()


class Report(Struct, frozen=True):
    """The requests due from `begin` until `end`.

    `scheduled` counts arrivals, of single requests and of scenarios; `unfinished` those that were not over when the
    report was made. Without scenarios, `scheduled` is the number of samples plus `unfinished`.
    """

    samples: Sequence[Sample]
    begin: float
    end: float
    scheduled: int
    unfinished: int
    scenarios: Mapping[str, Scenarios]

    @property
    def answered(self) -> list[Sample]:
        return [sample for sample in self.samples if sample.error is None]

    @property
    def failed(self) -> list[Sample]:
        return [sample for sample in self.samples if sample.error is not None]

    @property
    def failures(self) -> dict[str, Failure]:
        """The failed requests by error kind."""
        counts = Counter(sample.error for sample in self.failed)
        return {
            str(kind): Failure(count, tuple([s for s in self.failed if s.error == kind][:EXAMPLES]))
            for kind, count in counts.most_common()
        }

    def between(self, t0: float, t1: float) -> "Report":
        """The same report for the requests due from `t0` until just before `t1`; scenarios are left out."""
        samples = [sample for sample in self.samples if t0 <= sample.intended < t1]
        return replace(self, samples=samples, begin=t0, end=t1, scheduled=len(samples), unfinished=0, scenarios={})

    def latency(self, percent: float) -> float:
        """Latency of the answered requests at a percentile; nan if there are none."""
        return percentile([sample.latency for sample in self.answered], percent)

    def service(self, percent: float) -> float:
        """Service time of the answered requests at a percentile; nan if there are none."""
        return percentile([sample.service for sample in self.answered], percent)

    def releases(self) -> Counter[str]:
        """Answers by the release that gave them."""
        return Counter(sample.release for sample in self.samples if sample.release is not None)

    def releases_over_time(self, step: float) -> list[tuple[float, Counter[str]]]:
        """Answers by release for each `step` seconds of sending, from `begin`; empty steps are left out."""
        steps: dict[int, Counter[str]] = {}
        for sample in self.samples:
            if sample.release is not None:
                number = math.floor((sample.started - self.begin) / step)
                steps.setdefault(number, Counter())[sample.release] += 1
        return [(self.begin + number * step, steps[number]) for number in sorted(steps)]

    def last_answer_from(self, release: str) -> Sample | None:
        """Of the requests that `release` answered, the one sent last."""
        samples = [sample for sample in self.samples if sample.release == release]
        return max(samples, key=lambda sample: sample.started, default=None)

    def cut_over(self, switch_at: float, old: str) -> float:
        """Seconds from `switch_at` until the last request was sent that `old` answered; 0 if none was sent after."""
        last = self.last_answer_from(old)
        return 0.0 if last is None else max(0.0, last.started - switch_at)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON; moments are in seconds after `begin`."""
        answered = self.answered
        return {
            "duration": self.end - self.begin,
            "scheduled": self.scheduled,
            "requests": len(self.samples),
            "answered": len(answered),
            "failed": len(self.failed),
            "unfinished": self.unfinished,
            "latency": _spread(sample.latency for sample in answered),
            "service": _spread(sample.service for sample in answered),
            "wait": _spread(sample.started - sample.intended for sample in answered),
            "failures": {kind: self._failure(failure) for kind, failure in self.failures.items()},
            "kinds": {kind: self._kind(kind) for kind in sorted({sample.kind for sample in self.samples})},
            "connections": dict(Counter(sample.connection for sample in self.samples)),
            "releases": {name: self._release(name, count) for name, count in self.releases().items()},
            "scenarios": {name: msgspec.to_builtins(scenario) for name, scenario in self.scenarios.items()},
        }

    def _failure(self, failure: Failure) -> dict[str, Any]:
        examples = [
            {
                "kind": sample.kind,
                "at": sample.started - self.begin,
                "connection": sample.connection,
                "status": sample.status,
                "detail": sample.detail,
            }
            for sample in failure.examples
        ]
        return {"count": failure.count, "examples": examples}

    def _kind(self, kind: str) -> dict[str, Any]:
        samples = [sample for sample in self.samples if sample.kind == kind]
        answered = [sample for sample in samples if sample.error is None]
        return {
            "requests": len(samples),
            "failed": len(samples) - len(answered),
            "latency": _spread(sample.latency for sample in answered),
        }

    def _release(self, release: str, count: int) -> dict[str, Any]:
        sent = [sample.started for sample in self.samples if sample.release == release]
        return {"answers": count, "first_sent": min(sent) - self.begin, "last_sent": max(sent) - self.begin}


def percentile(values: Iterable[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `percent` % of `values` do not exceed.

    nan for no values.
    """
    return _ranked(sorted(values), percent)


def _ranked(ordered: Sequence[float], percent: float) -> float:
    if not ordered:
        return math.nan
    rank = math.ceil(len(ordered) * percent / 100 - 1e-9)  # 99.9 % of 1,000 is 999, whatever floats make of it
    return ordered[max(0, rank - 1)]


def _spread(values: Iterable[float]) -> dict[str, float | None]:
    ordered = sorted(values)
    # JSON knows no nan: a percentile of nothing is null.
    return {name: _ranked(ordered, percent) if ordered else None for name, percent in PERCENTS.items()}
