"""Canary: a small share of the users first, more as the evidence allows, all of them in the end. The same instances
serve throughout: what was tested is what is promoted."""

from __future__ import annotations

import math

import msgspec

from comporta.analysis.collecting import Roles
from comporta.analysis.judge import Settings
from comporta.analysis.limits import Limits
from comporta.model.release import Occupant, Release
from comporta.model.snapshot import Snapshot
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import ReleaseRef, Traffic, Weights
from comporta.steps.confirm import Confirm
from comporta.steps.judge_traffic import JudgeTraffic
from comporta.steps.plan import AnyStep, Plan
from comporta.steps.scale_instances import ScaleInstances
from comporta.steps.shift_traffic import ShiftTraffic
from comporta.steps.smoke_test import SmokeTest
from comporta.steps.watch_traffic import WatchTraffic
from comporta.strategies import blue_green, parts, validation


def plan(spec: EnvironmentSpec, snapshot: Snapshot, release: Release) -> Plan:
    """The steps of a canary of `release`. Where nothing serves yet there is nothing to compare with: all at once."""
    stable = snapshot.routing.traffic.release_in(snapshot.live.slot) if snapshot.live else None
    if stable is None:
        return blue_green.plan(spec, snapshot, release)
    return _Canary(spec, snapshot, release, stable).plan()


class _Canary:
    def __init__(self, spec: EnvironmentSpec, snapshot: Snapshot, release: Release, stable: ReleaseRef) -> None:
        self.spec = spec
        self.snapshot = snapshot
        self.release = release
        self.stable = stable
        self.slot = parts.free_slot(snapshot)
        self.before = snapshot.routing.traffic

    def plan(self) -> Plan:
        spec, slot = self.spec, self.slot
        steps: list[AnyStep] = [
            parts.router_in_order(spec, self.snapshot),
            *parts.migrated(spec, self.snapshot, self.release),
            parts.start(spec, self.snapshot, self.release, slot, self._instances(spec.canary.start)),
            parts.health(spec, slot, self._instances(spec.canary.start)),
        ]
        if spec.smoke:
            steps.append(SmokeTest(slot=slot, commands=spec.smoke, host=spec.domain))
        steps += validation.before_users(spec, slot, self._instances(spec.canary.start))
        question = f"Give {spec.canary.start} % of {spec.environment} to {self.release.artifact.version}?"
        steps.append(Confirm(question=question))
        shares = (spec.canary.start, *spec.canary.stages)
        for share, previous in zip(shares, (0, *shares), strict=False):
            steps += self._stage(share, previous)
        validated = validation.after_promotion(spec, slot, spec.instances, against=parts.slot_before(self.snapshot))
        steps += [parts.final_check(spec), *validated, *parts.retire(spec, self.snapshot, self.release)]
        return Plan(
            strategy="canary",
            environment=spec.environment,
            release=self.release.ref,
            replaces=self.stable,
            slot=slot,
            steps=tuple(steps),
        )

    def _stage(self, share: int, previous: int) -> list[AnyStep]:
        """As many instances as the share needs, the share itself, and the wait for the verdict."""
        return [
            *self._scale(self._instances(previous), self._instances(share)),
            ShiftTraffic(
                to=self._traffic(share),
                back_to=self.before,
                coming_from=self._traffic(previous),
                proof_path=parts.proof_path(self.spec),
            ),
            self._watch() if share == 100 else self._judge(share, first=previous == 0),
        ]

    def _scale(self, before: int, after: int) -> list[AnyStep]:
        if after <= before:
            return []
        return [
            ScaleInstances(slot=self.slot, to=self._occupant(after), back_to=self._occupant(before)),
            parts.health(self.spec, self.slot, after),
        ]

    def _judge(self, share: int, *, first: bool) -> JudgeTraffic:
        canary = self.spec.canary
        return JudgeTraffic(
            slot=self.slot,
            instances=self._instances(share),
            roles=Roles(candidate=self.release.number, stable=self.stable.number, share=share / 100),
            traffic=self._traffic(share),
            settings=settings(self.spec),
            limit=canary.watch if first else canary.hold,
            settle=0.0 if first else min(canary.min_hold, canary.hold),
            hold=canary.hold_for if canary.on_inconclusive == "hold" else 0.0,
            queries=self.spec.metrics.queries if self.spec.metrics else (),
        )

    def _watch(self) -> WatchTraffic:
        """With all of the traffic there is nobody to compare with: errors and crashes count as they are."""
        return WatchTraffic(
            slot=self.slot,
            release=self.release.number,
            instances=self.spec.instances,
            seconds=self.spec.canary.hold,
            max_error_rate=self.spec.blue_green.max_error_rate,
        )

    def _instances(self, share: int) -> int:
        """Enough for the share. Before the first share there are as many as for it."""
        return math.ceil(self.spec.instances * (share or self.spec.canary.start) / 100)

    def _occupant(self, instances: int) -> Occupant:
        return Occupant(release=self.release.ref, artifact=self.release.artifact, instances=instances)

    def _traffic(self, share: int) -> Traffic:
        """Only instances that were seen to be healthy get requests: while more are launched, the router must not take
        for one of them what listens at its address before it does, such as Docker's proxy."""
        if share == 0:
            return self.before
        both = self.before.with_all_to(self.slot, self.release.ref)
        count = self._instances(share)
        tried = {f"{self.slot}_instances": count if count < self.spec.instances else None}
        return msgspec.structs.replace(both, weights=Weights.giving(self.slot, share), **tried)


def settings(spec: EnvironmentSpec) -> Settings:
    """What the config asks of a candidate, as the judge reads it."""
    canary, limits = spec.canary, spec.canary.limits
    queries = spec.metrics.queries if spec.metrics else ()
    return Settings(
        alpha=canary.false_alarms,
        beta=canary.wrong_promotions,
        margin=canary.error_margin,
        latency_margin=canary.latency_margin,
        latency_tolerance=canary.latency_tolerance,
        latency_floor=canary.latency_floor,
        bake=canary.bake,
        warm_up=canary.warm_up,
        limits=Limits(
            errors=limits.errors,
            errors_above_stable=limits.errors_above_stable,
            latency=limits.latency,
            latency_above_stable=limits.latency_above_stable,
            values={query.name: query.max for query in queries if query.max is not None},
            ratios={query.name: query.max_ratio for query in queries if query.max_ratio is not None},
        ),
    )
