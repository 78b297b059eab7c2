"""The shape of `blue_green`, `canary` and `rolling`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from comporta.config.part import Part
from comporta.config.types import Duration, Percent, PositiveDuration, Stage, refusal
from comporta.model.spec import BlueGreenSpec, CanaryLimits, CanarySpec, RollingSpec

BLUE_GREEN = BlueGreenSpec()
CANARY = CanarySpec()
LIMITS = CanaryLimits()
ROLLING = RollingSpec()


class BlueGreen(Part):
    """The waits of a blue-green deployment."""

    stabilize: Duration = Field(default=BLUE_GREEN.stabilize, description="How long the switched traffic is watched.")
    max_error_rate: Percent = Field(
        default=BLUE_GREEN.max_error_rate,
        description="Failing requests during that watch above which the switch is undone.",
    )
    final_timeout: PositiveDuration = Field(
        default=BLUE_GREEN.final_timeout, description="How long the checks through the router may take to pass."
    )
    drain: Duration = Field(
        default=BLUE_GREEN.drain, description="The longest wait for requests in flight on the old slot."
    )
    keep_warm: Duration = Field(
        default=BLUE_GREEN.keep_warm,
        description="How long the old slot stays up, without traffic, for an instant rollback. `0s` stops it at once.",
    )


class Limits(Part):
    """What ends a canary whatever stable does beside it. `null` switches a limit off."""

    errors: Percent | None = Field(default=LIMITS.errors, description="Failing requests of the candidate.")
    errors_above_stable: Percent | None = Field(
        default=LIMITS.errors_above_stable, description="How much larger than stable's that share may be, in points."
    )
    latency: PositiveDuration | None = Field(default=LIMITS.latency, description="Mean latency of the candidate.")
    latency_above_stable: PositiveDuration | None = Field(
        default=LIMITS.latency_above_stable, description="How much larger than stable's that mean may be."
    )


def _ends_whole(stages: list[int]) -> list[int]:
    if stages != sorted(set(stages)) or stages[-1] != 100:
        raise refusal("the stages must rise, and end with 100%", "write them like [10%, 25%, 50%, 75%, 100%]")
    return stages


class Canary(Part):
    """The stages of a canary, and what is asked of the candidate at each."""

    start: Stage = Field(default=CANARY.start, description="The candidate's share at first.")
    watch: PositiveDuration = Field(
        default=CANARY.watch, description="The longest wait for a verdict at that share; a proof ends it earlier."
    )
    stages: Annotated[list[Stage], Field(min_length=1), AfterValidator(_ends_whole)] = Field(
        default=list(CANARY.stages), description="The shares after that."
    )
    hold: PositiveDuration = Field(
        default=CANARY.hold,
        description="The longest wait for a verdict at each of them. Below 10s there is no time to measure anything.",
    )
    min_hold: Duration = Field(default=CANARY.min_hold, description="The least time at each of them.")
    bake: Duration = Field(
        default=CANARY.bake,
        description="The least time under traffic before a candidate counts as proven. Below 2m, errors that come in "
        "bursts are missed.",
    )
    on_inconclusive: Literal["hold", "abort"] = Field(
        default="hold",
        description="What to do when the longest wait is over without a verdict: hold for a person, or abort.",
    )
    hold_for: Duration = Field(default=CANARY.hold_for, description="How long to hold for a person, before aborting.")
    false_alarms: Percent = Field(
        default=CANARY.false_alarms,
        description="The probability of aborting a healthy candidate, over the whole deployment.",
    )
    wrong_promotions: Percent = Field(
        default=CANARY.wrong_promotions,
        description="The probability of promoting a candidate that is worse by a margin.",
    )
    error_margin: Percent = Field(
        default=CANARY.error_margin, description="How many more requests may fail for it to be no worse, in points."
    )
    latency_margin: Percent = Field(
        default=CANARY.latency_margin,
        description="How many more requests may be slower than 95 % of stable's, in points.",
    )
    latency_tolerance: Percent = Field(default=CANARY.latency_tolerance, description="How much slower is fine.")
    latency_floor: Duration = Field(
        default=CANARY.latency_floor,
        description="Below this latency, slower makes no difference. (nginx counts in whole milliseconds.)",
    )
    warm_up: Duration = Field(
        default=CANARY.warm_up, description="How long a cold candidate's latencies are not judged."
    )
    limits: Limits = Field(default=Limits(), description="What ends a canary whatever stable does beside it.")


class Rolling(Part):
    """How a rolling deployment goes from batch to batch."""

    batch: Annotated[int, Field(ge=1)] = Field(
        default=ROLLING.batch, description="How many instances are replaced at once."
    )
    max_unavailable: Annotated[int, Field(ge=0)] = Field(
        default=ROLLING.max_unavailable,
        description="How many instances fewer than `instances` may serve meanwhile. 0: each is replaced first.",
    )
    pause: PositiveDuration = Field(
        default=ROLLING.pause,
        description="How long each batch is judged under traffic before the instances that it replaces are stopped. "
        "Below 6s only crashes are found.",
    )
