"""The shape of `service_levels` and `validate`: what is asked of deployments, and of a release once it is live."""

from __future__ import annotations

from pydantic import Field

from comporta.config.checks import Check
from comporta.config.part import Part
from comporta.config.types import Percent, PositiveDuration, Rate, UrlPath
from comporta.model.spec import FeaturesPhase, HealthPhase, LoadPhase, PerformancePhase, ServiceLevelsSpec

LEVELS = ServiceLevelsSpec()
IMMEDIATE, PERFORMANCE, FEATURES, CAPACITY = HealthPhase(), PerformancePhase(), FeaturesPhase(), LoadPhase()


class ServiceLevels(Part):
    """What deploying is to keep to: `comporta report` says whether it does."""

    success: Percent = Field(default=LEVELS.success, description="The least share of deployments that are promoted.")
    deployment: PositiveDuration = Field(
        default=LEVELS.deployment, description="The longest that 95 % of the deployments may take."
    )
    rollback: PositiveDuration = Field(
        default=LEVELS.rollback, description="The longest that 95 % of the rollbacks may take."
    )
    lost: int = Field(default=LEVELS.lost, ge=0, description="How many requests may be lost, by all of them together.")


class ValidateHealth(Part):
    """Phase 1: every health check keeps passing, of each instance and through the router."""

    during: PositiveDuration = Field(default=IMMEDIATE.during, description="For how long.")


class ValidatePerformance(Part):
    """Phase 2: the same load on the release and on the one before, compared block by block."""

    during: PositiveDuration = Field(default=PERFORMANCE.during, description="How long it takes, about.")
    path: UrlPath | None = Field(default=None, description="What is asked for. Default: the first health check's path.")
    rate: Rate = Field(default=PERFORMANCE.rate, description="Requests a second, to measure latency.")
    connections: int = Field(
        default=PERFORMANCE.connections,
        ge=1,
        le=64,
        description="How many ask at once, and again as soon as they have their answer, to measure throughput.",
    )
    slower: float = Field(
        default=PERFORMANCE.slower, ge=1, description="How many times the latency before the release may have."
    )
    throughput: float = Field(
        default=PERFORMANCE.throughput, gt=0, le=1, description="What part of the throughput before it must have."
    )


class ValidateFeatures(Part):
    """Phase 3: the service's own acceptance tests, in order, against one instance."""

    during: PositiveDuration = Field(default=FEATURES.during, description="The longest that all of them may take.")
    checks: list[Check] = Field(
        default=[], description="Checks as in `health.checks`: requests and commands. Default: the smoke tests."
    )


class ValidateLoad(Part):
    """Phase 4: a load that rises until the target, or until the release bends."""

    during: PositiveDuration = Field(default=CAPACITY.during, description="How long the rise takes.")
    path: UrlPath | None = Field(default=None, description="What is asked for. Default: the first health check's path.")
    to: Rate = Field(default=CAPACITY.to, description="What the release must bear, over all instances.")
    max_errors: Percent = Field(default=CAPACITY.max_errors, description="How many requests may fail.")
    within: PositiveDuration = Field(default=CAPACITY.within, description="When 95 % must be answered.")
    users: bool = Field(
        default=CAPACITY.users,
        description="`true`: also on instances that serve users. Otherwise only on a release that has none yet.",
    )


class Validate(Part):
    """What is asked of a release after its deployment. `null` leaves a phase out."""

    after_promotion: bool = Field(
        default=False, description="`true`: by each deployment, which turns back if a phase fails."
    )
    health: ValidateHealth | None = Field(default=ValidateHealth(), description="Immediate health.")
    performance: ValidatePerformance | None = Field(default=ValidatePerformance(), description="Performance baseline.")
    features: ValidateFeatures | None = Field(default=ValidateFeatures(), description="Feature validation.")
    load: ValidateLoad | None = Field(default=ValidateLoad(), description="Load capacity.")
