"""The shape of `watch` and `maintenance`: what holds while a release is live."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from comporta.config.part import Part
from comporta.config.types import Duration, FilePath, Listen, Percent, PlainPath, PositiveDuration, refusal
from comporta.model.spec import MaintenanceSpec, Thresholds, WatchSpec

MAINTENANCE = MaintenanceSpec()
WATCH = WatchSpec()
THRESHOLDS = Thresholds()
ERRORS, LATENCY, AVAILABILITY = WATCH.triggers


class ErrorTrigger(Part):
    """Failing requests, as a share of all."""

    above: Percent = Field(default=ERRORS.limit, description="Worse than this …")
    during: PositiveDuration = Field(default=ERRORS.seconds, description="… throughout this time.")


class LatencyTrigger(Part):
    """The mean latency."""

    above: PositiveDuration = Field(default=LATENCY.limit, description="Worse than this …")
    during: PositiveDuration = Field(default=LATENCY.seconds, description="… throughout this time.")


class AvailabilityTrigger(Part):
    """The share of requests, and of the watch's own questions, that get an answer."""

    below: Percent = Field(default=1 - AVAILABILITY.limit, description="Worse than this …")
    during: PositiveDuration = Field(default=AVAILABILITY.seconds, description="… throughout this time.")


class Triggers(Part):
    """What makes the watch bring the last known good release back. `null` switches a trigger off."""

    errors: ErrorTrigger | None = Field(default=ErrorTrigger(), description="Failing requests, as a share of all.")
    latency: LatencyTrigger | None = Field(default=LatencyTrigger(), description="The mean latency.")
    availability: AvailabilityTrigger | None = Field(
        default=AvailabilityTrigger(), description="The share of requests and of own questions that get an answer."
    )


def _rise(windows: list[float]) -> list[float]:
    if windows != sorted(set(windows)):
        raise refusal("the windows must rise", "write them like [5m, 30m, 24h]")
    return windows


class Alarms(Part):
    """When people are told. `null` switches a threshold off."""

    windows: Annotated[list[PositiveDuration], Field(min_length=1), AfterValidator(_rise)] = Field(
        default=list(THRESHOLDS.windows),
        description="What is looked at: the first one is critical, the second a degradation, the third a trend. The "
        "last one is also how far the baseline reaches back.",
    )
    errors_increase: Percent | None = Field(
        default=THRESHOLDS.errors_increase, description="Failing requests above the baseline, in points."
    )
    latency_increase: Percent | None = Field(
        default=THRESHOLDS.latency_increase, description="Mean latency above the baseline's, as a part of that."
    )
    availability: Percent | None = Field(
        default=THRESHOLDS.availability, description="The least share of requests and own questions with an answer."
    )


class Watch(Part):
    """How a live release is watched, by `comporta serve` or `comporta watch`."""

    window: Duration = Field(
        default=WATCH.window, description="How long a release must have served before it is called good."
    )
    interval: PositiveDuration = Field(default=WATCH.interval, description="The time between two looks.")
    rollback: Triggers = Field(default=Triggers(), description="What brings the last known good release back.")
    thresholds: Alarms = Field(default=Alarms(), description="When people are told.")
    metrics: Listen | None = Field(
        default=WATCH.metrics,
        description="Where `comporta serve` answers Prometheus, under `/metrics`, such as `127.0.0.1:9464`. Default: "
        "nowhere.",
    )


def _whole_second(seconds: float) -> float:
    if seconds < 1:
        raise refusal("it must be at least 1s", "write it like 60s or 10m")
    return seconds


class Maintenance(Part):
    """What users get between `comporta maintenance on` and `comporta maintenance off`."""

    page: FilePath | None = Field(
        default=MAINTENANCE.page,
        description="The page (HTML, UTF-8), relative to the config's folder; `{message}` in it is replaced. Default: "
        "a simple one.",
    )
    retry_after: Annotated[PositiveDuration, AfterValidator(_whole_second)] = Field(
        default=MAINTENANCE.retry_after, description="When users may try again: the header Retry-After."
    )
    exempt: list[PlainPath] = Field(
        default=[], description="Paths that reach the service all the same. `/hooks/` stands for all that is below it."
    )
    always_ok: list[PlainPath] = Field(
        default=[],
        description="Paths that the router itself answers with 200 meanwhile, so that a load balancer in front of it "
        "goes on sending users to the page.",
    )
