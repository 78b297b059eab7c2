"""Rolling: instance by instance. A new one gets its part of the users, and only then an old one goes; the first that
fails halts the deployment and reverses it."""

from __future__ import annotations

from itertools import pairwise

import msgspec

from comporta.analysis.collecting import Roles
from comporta.model.release import Occupant, Release
from comporta.model.snapshot import Snapshot
from comporta.model.spec import EnvironmentSpec, Stand
from comporta.model.traffic import Slot, Traffic, Weights
from comporta.steps.confirm import Confirm
from comporta.steps.judge_traffic import JudgeTraffic
from comporta.steps.plan import AnyStep, Plan
from comporta.steps.scale_instances import ScaleInstances
from comporta.steps.shift_traffic import ShiftTraffic
from comporta.steps.smoke_test import SmokeTest
from comporta.steps.watch_traffic import WatchTraffic
from comporta.strategies import blue_green, parts
from comporta.strategies.canary import settings


def plan(spec: EnvironmentSpec, snapshot: Snapshot, release: Release) -> Plan:
    """The steps of a rolling deployment of `release`. Where nothing serves there is nothing to replace: all at once."""
    old = snapshot.live.occupant if snapshot.live else None
    if old is None:
        return blue_green.plan(spec, snapshot, release)
    return _Rolling(spec, snapshot, release, old).plan()


class _Rolling:
    """`old` is what serves; each stand says who serves after one more switch."""

    def __init__(self, spec: EnvironmentSpec, snapshot: Snapshot, release: Release, old: Occupant) -> None:
        self.spec = spec
        self.snapshot = snapshot
        self.release = release
        self.old = old
        self.slot = parts.free_slot(snapshot)
        self.before = snapshot.routing.traffic
        self.stands = [Stand(0, old.instances), *spec.rolling.stands(spec.instances)]

    def plan(self) -> Plan:
        steps: list[AnyStep] = [
            parts.router_in_order(self.spec, self.snapshot),
            *parts.migrated(self.spec, self.snapshot, self.release),
        ]
        for before, after in pairwise(self.stands):
            steps += self._grow(before.new, after.new) if after.new > before.new else []
            steps.append(self._shift(before, after))
            steps += [self._judge(after)] if after.new > before.new else []
            steps += self._shrink(self._old_in(before), self._old_in(after))
        steps += [parts.final_check(self.spec), *parts.retire(self.spec, self.snapshot, self.release, keep=0)]
        return Plan(
            strategy="rolling",
            environment=self.spec.environment,
            release=self.release.ref,
            replaces=self.old.release,
            slot=self.slot,
            steps=tuple(steps),
        )

    def _grow(self, before: int, after: int) -> list[AnyStep]:
        """New instances, seen to be healthy; the first ones are also tried out, and asked about."""
        healthy = parts.health(self.spec, self.slot, after)
        if before:
            return [ScaleInstances(slot=self.slot, to=self._new(after), back_to=self._new(before)), healthy]
        tried = [SmokeTest(slot=self.slot, commands=self.spec.smoke, host=self.spec.domain)] if self.spec.smoke else []
        question = f"Replace {self.spec.environment} by {self.release.artifact.version}, {after} at a time?"
        start = parts.start(self.spec, self.snapshot, self.release, self.slot, after)
        return [start, healthy, *tried, Confirm(question=question)]

    def _shift(self, before: Stand, after: Stand) -> ShiftTraffic:
        proof = parts.proof_path(self.spec)
        return ShiftTraffic(to=self._traffic(after), back_to=self._traffic(before), proof_path=proof)

    def _judge(self, stand: Stand) -> AnyStep:
        """Before the old instances go, so that the way back is a switch. At the end there is nobody to compare with."""
        if not stand.old:
            return WatchTraffic(
                slot=self.slot,
                release=self.release.number,
                instances=stand.new,
                seconds=self.spec.rolling.pause,
                max_error_rate=self.spec.blue_green.max_error_rate,
            )
        return JudgeTraffic(
            slot=self.slot,
            instances=stand.new,
            roles=Roles(candidate=self.release.number, stable=self.old.release.number, share=stand.share / 100),
            traffic=self._traffic(stand),
            settings=settings(self.spec),
            limit=self.spec.rolling.pause,
            settle=self.spec.rolling.pause,
            hold=0.0,
            queries=self.spec.metrics.queries if self.spec.metrics else (),
            needs_proof=False,
        )

    def _shrink(self, before: int, after: int) -> list[AnyStep]:
        """Old instances go. The last ones are left for the end, when there is no way back any more."""
        if not 0 < after < before:
            return []
        return [
            ScaleInstances(
                slot=self.slot.other,
                to=msgspec.structs.replace(self.old, instances=after),
                back_to=msgspec.structs.replace(self.old, instances=before),
                drain_bound=self.spec.blue_green.drain,
                healthy=parts.health(self.spec, self.slot.other, before),
            )
        ]

    def _old_in(self, stand: Stand) -> int:
        """There may be fewer old ones than the config asks for now."""
        return min(stand.old, self.old.instances)

    def _new(self, instances: int) -> Occupant:
        return Occupant(release=self.release.ref, artifact=self.release.artifact, instances=instances)

    def _traffic(self, stand: Stand) -> Traffic:
        """Only those get requests that are known to be there: neither seats that wait for an instance, nor instances
        that are about to go."""
        if stand is self.stands[0]:
            return self.before
        if not stand.old:
            return self.before.with_all_to(self.slot, self.release.ref)
        both = self.before.with_all_to(self.slot, self.release.ref) if stand.new else self.before
        new, old = stand.new or None, self._old_in(stand)
        return msgspec.structs.replace(
            both,
            weights=Weights.giving(self.slot, stand.share),
            blue_instances=new if self.slot is Slot.BLUE else old,
            green_instances=new if self.slot is Slot.GREEN else old,
        )
