"""Figures of environments as families of Prometheus metrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from comporta.app.metering import Metered, Seat
from comporta.model.deliveries import Status
from comporta.model.outlines import Outline

WHERE = ("service", "environment")
KIND = (*WHERE, "strategy", "outcome")
SEAT = (*WHERE, "slot", "version", "release")
BUCKETS = (1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
"""Seconds that deployments take: 900 and 300 are the service levels of deploying and of rolling back."""
UNDELIVERED = {Status.PENDING: "waiting", Status.GIVEN_UP: "given up"}


class Families(Collector):
    """Each family, with what all of these environments have to say in it."""

    def __init__(self, metered: Sequence[Metered]) -> None:
        self._metered = metered

    def collect(self) -> Iterable[Metric]:
        yield from _of_deployments(self._metered)
        yield from _of_seats(self._metered)
        yield from _of_state(self._metered)


def _of_deployments(metered: Sequence[Metered]) -> Iterable[Metric]:
    ended = CounterMetricFamily("comporta_deployments", "Deployments and rollbacks that ended.", labels=KIND)
    lost = CounterMetricFamily(
        "comporta_deployment_requests_lost", "Requests that nobody answered while they ran.", labels=KIND
    )
    took = HistogramMetricFamily("comporta_deployment_duration_seconds", "How long they took.", labels=KIND)
    unfinished = GaugeMetricFamily("comporta_deployments_unfinished", "Under way, or interrupted.", labels=WHERE)
    waiting = GaugeMetricFamily("comporta_deployments_waiting", "Waiting for an approval.", labels=WHERE)
    for one in metered:
        where = (one.service, one.environment)
        kinds: dict[tuple[str, str], list[Outline]] = defaultdict(list)
        for outline in one.deployments:
            if outline.outcome is not None:
                kinds[outline.strategy, outline.outcome.value].append(outline)
        for kind, outlines in sorted(kinds.items()):
            ended.add_metric([*where, *kind], len(outlines))
            lost.add_metric([*where, *kind], sum(outline.lost or 0 for outline in outlines))
            seconds = [outline.seconds or 0.0 for outline in outlines]
            took.add_metric([*where, *kind], _buckets(seconds), sum(seconds))
        unfinished.add_metric(where, sum(outline.outcome is None for outline in one.deployments))
        waiting.add_metric(where, one.waiting)
    return ended, lost, took, unfinished, waiting


def _buckets(seconds: Sequence[float]) -> list[tuple[str, float]]:
    limits = [*map(float, BUCKETS), float("inf")]
    lower = [float("-inf"), *limits]
    counts = [sum(low < each <= high for each in seconds) for low, high in zip(lower, limits, strict=False)]
    names = [*(f"{limit:.1f}" for limit in limits[:-1]), "+Inf"]
    return list(zip(names, map(float, accumulate(counts)), strict=True))


def _of_seats(metered: Sequence[Metered]) -> Iterable[Metric]:
    share = GaugeMetricFamily(
        "comporta_release_traffic_ratio", "The share of the requests that a release gets.", labels=SEAT
    )
    requests = CounterMetricFamily("comporta_slot_requests", "Requests of users, since the watch began.", labels=SEAT)
    errors = CounterMetricFamily("comporta_slot_errors", "Those that failed: 5xx, or no answer.", labels=SEAT)
    unanswered = CounterMetricFamily("comporta_slot_unanswered", "Those that no instance answered.", labels=SEAT)
    latency = SummaryMetricFamily("comporta_slot_latency_seconds", "The latency of the successes.", labels=SEAT)
    probes = CounterMetricFamily("comporta_slot_probes", "The watch's own questions.", labels=SEAT)
    failed = CounterMetricFamily("comporta_slot_probes_failed", "Those with a wrong answer or none.", labels=SEAT)
    for where, seat in ((one, seat) for one in metered for seat in one.seats):
        labels, tally = _labels(where, seat), seat.counted
        share.add_metric(labels, seat.share)
        requests.add_metric(labels, tally.requests)
        errors.add_metric(labels, tally.errors)
        unanswered.add_metric(labels, tally.unanswered)
        latency.add_metric(labels, tally.timed, tally.seconds)
        probes.add_metric(labels, tally.probes)
        failed.add_metric(labels, tally.failed)
    return share, requests, errors, unanswered, latency, probes, failed


def _labels(one: Metered, seat: Seat) -> list[str]:
    return [one.service, one.environment, seat.slot.value, seat.release.version, str(seat.release.number)]


def _of_state(metered: Sequence[Metered]) -> Iterable[Metric]:
    info = GaugeMetricFamily("comporta_release_info", "The release that gets all the traffic.", labels=SEAT)
    router = GaugeMetricFamily("comporta_router_up", "Whether the router runs.", labels=WHERE)
    closed = GaugeMetricFamily("comporta_maintenance", "Whether users get the maintenance page.", labels=WHERE)
    held = GaugeMetricFamily("comporta_lease_held", "Whether somebody changes it, or locked it.", labels=(*WHERE, "by"))
    age = GaugeMetricFamily("comporta_lease_held_seconds", "For how long.", labels=WHERE)
    alerts = GaugeMetricFamily("comporta_alert_up", "An alert of the watch that is up.", labels=(*WHERE, "alert"))
    messages = GaugeMetricFamily(
        "comporta_alerts_undelivered", "Messages that did not arrive.", labels=(*WHERE, "receiver", "state")
    )
    for one in metered:
        where = (one.service, one.environment)
        for seat in one.seats:
            if seat.share == 1:
                info.add_metric(_labels(one, seat), 1)
        router.add_metric(where, one.router)
        closed.add_metric(where, one.maintenance)
        for by in ("process", "hand"):
            held.add_metric([*where, by], one.lease is not None and one.lease.manual == (by == "hand"))
        age.add_metric(where, one.lease_seconds)
        for name in one.alerts:
            alerts.add_metric([*where, name], 1)
        for (receiver, state), count in sorted(one.undelivered.items()):
            messages.add_metric([*where, receiver, UNDELIVERED[state]], count)
    return info, router, closed, held, age, alerts, messages
