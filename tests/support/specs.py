"""A small, complete environment to plan for."""

from __future__ import annotations

import msgspec

from comporta.model.checks import CommandCheck, HttpCheck
from comporta.model.release import Artifact, Occupant, Release, SlotState
from comporta.model.snapshot import Snapshot
from comporta.model.spec import BlueGreenSpec, CanarySpec, DriverSpec, EnvironmentSpec, HealthSpec, PortRange
from comporta.model.traffic import Routing, Slot, Topology, Traffic

SPEC = EnvironmentSpec(
    service="shop",
    environment="test",
    base="/srv/shop",
    state="/srv/shop/.comporta",
    domain="shop.example",
    listen="127.0.0.1:8080",
    instances=2,
    blue=PortRange(first=8101, last=8110),
    green=PortRange(first=8111, last=8120),
    runtime=DriverSpec(name="process"),
    router=DriverSpec(name="nginx"),
    health=HealthSpec(checks=(HttpCheck(name="api", path="/health"),), timeout=30.0),
    smoke=(CommandCheck(name="buy", run=("true",)),),
    blue_green=BlueGreenSpec(stabilize=5.0, drain=10.0, final_timeout=10.0, keep_warm=60.0),
    canary=CanarySpec(),
    monitoring="enabled",
    digest="sha256:config",
)


def spec(**changes: object) -> EnvironmentSpec:
    return msgspec.structs.replace(SPEC, **changes)


def release(number: int, version: str | None = None) -> Release:
    version = version or f"1.{number}.0"
    artifact = Artifact(runtime="process", version=version, identity=f"sha256:{version}", launch={})
    return Release(number=number, artifact=artifact, config_digest=SPEC.digest, created_at=0.0)


def occupant(number: int, instances: int = 2, warm_until: float | None = None, *, failed: bool = False) -> Occupant:
    made = release(number)
    return Occupant(release=made.ref, artifact=made.artifact, instances=instances, warm_until=warm_until, failed=failed)


def nothing_deployed() -> Snapshot:
    return Snapshot(
        routing=Routing(running=False, topology=None, traffic=Traffic()),
        blue=SlotState(slot=Slot.BLUE),
        green=SlotState(slot=Slot.GREEN),
    )


def topology(instances: int = 2) -> Topology:
    return Topology(
        listen=SPEC.listen,
        server_name=SPEC.domain,
        blue=tuple(f"127.0.0.1:{port}" for port in SPEC.blue.take(instances)),
        green=tuple(f"127.0.0.1:{port}" for port in SPEC.green.take(instances)),
        stages=msgspec.structs.replace(SPEC, instances=instances).splits,
    )
