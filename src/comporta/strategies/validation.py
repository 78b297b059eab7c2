"""The four phases of validation as steps, for a plan and for `comporta validate` alike."""

from __future__ import annotations

from comporta.model.load import Baseline, LoadShape
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot
from comporta.steps.plan import AnyStep
from comporta.steps.validate_features import ValidateFeatures
from comporta.steps.validate_health import ValidateHealth
from comporta.steps.validate_load import ValidateLoad
from comporta.steps.validate_performance import ValidatePerformance
from comporta.strategies import parts

PAIRS = 12
"""Blocks of each kind; one more warms up. Two of the twelve may point the other way."""


def before_users(spec: EnvironmentSpec, slot: Slot, instances: int) -> list[AnyStep]:
    """What is asked of the candidate before its first user, where each deployment validates."""
    if not spec.validate.after_promotion or (spec.validate.load and spec.validate.load.users):
        return []
    return capacity(spec, slot, instances)


def after_promotion(spec: EnvironmentSpec, slot: Slot, instances: int, against: Slot | None) -> list[AnyStep]:
    """What is asked once users are served, while the release before can still have them back."""
    if not spec.validate.after_promotion:
        return []
    steps = [*health(spec, slot, instances), *performance(spec, slot, against), *features(spec, slot)]
    return [*steps, *(capacity(spec, slot, instances) if spec.validate.load and spec.validate.load.users else [])]


def health(spec: EnvironmentSpec, slot: Slot, instances: int) -> list[AnyStep]:
    phase = spec.validate.health
    if phase is None:
        return []
    return [
        ValidateHealth(
            slot=slot,
            instances=instances,
            checks=spec.health.checks,
            host=spec.domain,
            seconds=phase.during,
            interval=spec.health.interval,
        )
    ]


def performance(
    spec: EnvironmentSpec, slot: Slot, against: Slot | None, baseline: Baseline | None = None
) -> list[AnyStep]:
    phase = spec.validate.performance
    if phase is None:
        return []
    return [
        ValidatePerformance(
            slot=slot,
            shape=shape(spec),
            host=spec.domain,
            slower=phase.slower,
            throughput=phase.throughput,
            floor=spec.canary.latency_floor,
            against=against,
            baseline=baseline,
        )
    ]


def shape(spec: EnvironmentSpec) -> LoadShape:
    """The load of the performance phase: each pair is one block for latency and one for each release's throughput."""
    phase = spec.validate.performance
    assert phase is not None, "asked only where there is the phase"
    return LoadShape(
        path=phase.path or parts.proof_path(spec),
        rate=phase.rate,
        connections=phase.connections,
        pairs=PAIRS,
        seconds=phase.during / (3 * (PAIRS + 1)),
    )


def features(spec: EnvironmentSpec, slot: Slot) -> list[AnyStep]:
    phase = spec.validate.features
    checks = phase.checks or spec.smoke if phase else ()
    if phase is None or not checks:
        return []
    return [ValidateFeatures(slot=slot, checks=checks, host=spec.domain, seconds=phase.during)]


def capacity(spec: EnvironmentSpec, slot: Slot, instances: int) -> list[AnyStep]:
    phase = spec.validate.load
    if phase is None:
        return []
    return [
        ValidateLoad(
            slot=slot,
            instances=instances,
            path=phase.path or parts.proof_path(spec),
            host=spec.domain,
            to=phase.to,
            seconds=phase.during,
            max_errors=phase.max_errors,
            within=phase.within,
        )
    ]
