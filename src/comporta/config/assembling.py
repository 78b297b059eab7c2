"""One environment, merged and validated → its spec."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from comporta.config.before import Gates
from comporta.config.checks import CommandCheck, HttpCheck, TcpCheck
from comporta.config.databases import Backups
from comporta.config.judging import Validate
from comporta.config.models import SECTIONS, Environment
from comporta.config.nodes import Node
from comporta.config.operating import Watch
from comporta.config.receivers import AnyReceiver
from comporta.model import checks
from comporta.model.preflight import Freeze, GateSpec, PreflightSpec
from comporta.model.spec import (
    BackupSpec,
    BlueGreenSpec,
    CanaryLimits,
    CanarySpec,
    DatabaseSpec,
    DriverSpec,
    EnvironmentSpec,
    FeaturesPhase,
    HealthPhase,
    HealthSpec,
    KeepSpec,
    LoadPhase,
    MaintenanceSpec,
    MetricQuery,
    MetricsSpec,
    PerformancePhase,
    PortRange,
    ReceiverSpec,
    RollingSpec,
    S3Spec,
    ServiceLevelsSpec,
    Thresholds,
    Trigger,
    ValidateSpec,
    VersionsSpec,
    WatchSpec,
)

FIRST_PORT = 8101
SLOT_SIZE = 10
DEFAULT_PORT = "8080"
BESIDE = ("alerts", "watch", "versions", "preflight", "service_levels", "validate", "approvals", "approval_timeout")
KINDS: dict[type[BaseModel], Callable[..., checks.Check]] = {
    HttpCheck: checks.HttpCheck,
    TcpCheck: checks.TcpCheck,
    CommandCheck: checks.CommandCheck,
}


def without_unchosen(node: Node, settings: Environment) -> Node:
    """The environment's part of the file without the options of drivers that it does not use."""
    for choice, section in SECTIONS.values():
        if found := node.child(section):
            node = node.with_child(section, found.only(getattr(settings, choice)))
    return node


def assemble(
    service: str, name: str, base: Path, node: Node, settings: Environment, drivers: dict[str, BaseModel], position: int
) -> EnvironmentSpec:
    """The spec of an environment.

    Args:
        node: the merged part of the file, and `settings` what was read from it.
        drivers: the chosen drivers' options, by kind.
        position: of the environment in the file, from 0; it gives the default ports.
    """
    host, _, port = settings.domain.partition(":")
    first = FIRST_PORT + 2 * SLOT_SIZE * position
    written = without_unchosen(node, settings).plain()
    return EnvironmentSpec(
        service=service,
        environment=name,
        base=str(base),
        state=os.path.normpath(base / settings.state),
        env_file=os.path.normpath(base / settings.env_file) if settings.env_file else None,
        domain=host,
        listen=settings.listen or f"127.0.0.1:{port or DEFAULT_PORT}",
        instances=settings.instances,
        blue=settings.slots.blue if settings.slots else _ports(first),
        green=settings.slots.green if settings.slots else _ports(first + SLOT_SIZE),
        runtime=_driver("runtimes", settings, drivers),
        router=_driver("routers", settings, drivers),
        instance_hosts=tuple(getattr(drivers["runtimes"], "instance_hosts", ())),
        health=_health(settings),
        smoke=tuple(checks.CommandCheck(**_fields(command)) for command in settings.smoke),
        blue_green=BlueGreenSpec(**settings.blue_green.model_dump()),
        canary=_canary(settings),
        rolling=RollingSpec(**settings.rolling.model_dump()),
        monitoring=settings.monitoring,
        keep_failed=settings.keep_failed,
        approvals=settings.approvals,
        approval_timeout=settings.approval_timeout,
        metrics=_metrics(settings),
        database=_database(base, settings),
        watch=_watch(settings.watch),
        validate=_validate(settings.validation),
        service_levels=ServiceLevelsSpec(**settings.service_levels.model_dump()),
        maintenance=_maintenance(base, settings),
        preflight=_preflight(settings.preflight),
        versions=VersionsSpec(**settings.versions.model_dump()),
        alerts=tuple(_receiver(receiver) for receiver in settings.alerts),
        # Who is told, and how a release is watched, is no part of it.
        digest=_digest([service, name, {key: value for key, value in written.items() if key not in BESIDE}]),
    )


def _ports(first: int) -> PortRange:
    return PortRange(first=first, last=first + SLOT_SIZE - 1)


def _driver(kind: str, settings: Environment, drivers: dict[str, BaseModel]) -> DriverSpec:
    """The chosen driver. Its options are plain JSON that its options type can read again."""
    choice, _ = SECTIONS[kind]
    return DriverSpec(name=getattr(settings, choice), options=drivers[kind].model_dump(mode="json", by_alias=True))


def _validate(written: Validate) -> ValidateSpec:
    performance, features, load = written.performance, written.features, written.load
    return ValidateSpec(
        after_promotion=written.after_promotion,
        health=HealthPhase(**written.health.model_dump()) if written.health else None,
        performance=PerformancePhase(**performance.model_dump()) if performance else None,
        features=FeaturesPhase(during=features.during, checks=_checks(features.checks)) if features else None,
        load=LoadPhase(**load.model_dump()) if load else None,
    )


def _checks(written: Iterable[BaseModel]) -> tuple[checks.Check, ...]:
    return tuple(KINDS[type(check)](**_fields(check)) for check in written)


def _health(settings: Environment) -> HealthSpec:
    return HealthSpec(
        checks=_checks(settings.health.checks), timeout=settings.health.timeout, interval=settings.health.interval
    )


def _canary(settings: Environment) -> CanarySpec:
    fields = settings.canary.model_dump(exclude={"limits", "stages"})
    limits = CanaryLimits(**settings.canary.limits.model_dump())
    return CanarySpec(**fields, stages=tuple(settings.canary.stages), limits=limits)


def _watch(settings: Watch) -> WatchSpec:
    errors, latency, availability = settings.rollback.errors, settings.rollback.latency, settings.rollback.availability
    triggers = (
        errors and Trigger(measure="errors", limit=errors.above, seconds=errors.during),
        latency and Trigger(measure="latency", limit=latency.above, seconds=latency.during),
        availability and Trigger(measure="availability", limit=1 - availability.below, seconds=availability.during),
    )
    thresholds = settings.thresholds.model_dump(exclude={"windows"})
    return WatchSpec(
        window=settings.window,
        interval=settings.interval,
        triggers=tuple(trigger for trigger in triggers if trigger),
        thresholds=Thresholds(**thresholds, windows=tuple(settings.thresholds.windows)),
        metrics=settings.metrics,
    )


def _metrics(settings: Environment) -> MetricsSpec | None:
    if settings.metrics is None:
        return None
    queries = tuple(MetricQuery(**query.model_dump()) for query in settings.metrics.queries)
    return MetricsSpec(**settings.metrics.model_dump(exclude={"queries"}), queries=queries)


def _database(base: Path, settings: Environment) -> DatabaseSpec | None:
    written = settings.database
    if written is None:
        return None
    fields = written.model_dump(exclude={"migrations", "backups"})
    return DatabaseSpec(**fields, migrator=_migrator(written.migrations), backups=_backups(base, written.backups))


def _migrator(section: BaseModel | None) -> DriverSpec | None:
    """The one that is named."""
    for name, options in section or ():
        if options is not None:
            return DriverSpec(name=name, options=options.model_dump(mode="json", by_alias=True))
    return None


def _backups(base: Path, settings: Backups) -> BackupSpec:
    return BackupSpec(
        directory=os.path.normpath(base / settings.directory) if settings.directory else None,
        s3=S3Spec(**settings.s3.model_dump()) if settings.s3 else None,
        keep=KeepSpec(**settings.keep.model_dump()),
        verify=settings.verify,
        recipients=tuple(settings.recipients),
        identity=os.path.normpath(base / settings.identity) if settings.identity else None,
    )


def _maintenance(base: Path, settings: Environment) -> MaintenanceSpec:
    written = settings.maintenance
    return MaintenanceSpec(
        page=os.path.normpath(base / written.page) if written.page else None,
        retry_after=written.retry_after,
        exempt=tuple(written.exempt),
        always_ok=tuple(written.always_ok),
    )


def _receiver(receiver: AnyReceiver) -> ReceiverSpec:
    fields = receiver.model_dump(exclude={"webhook", "run", "apprise", "events"}, exclude_none=True)
    kind = next(key for key in ("webhook", "run", "apprise") if key in type(receiver).model_fields)
    target = getattr(receiver, kind)
    words = (target,) if isinstance(target, str) else tuple(target)
    return ReceiverSpec(kind=kind, target=words, events=tuple(receiver.events), **fields)


def _preflight(settings: Gates) -> PreflightSpec:
    return PreflightSpec(
        gates=tuple(GateSpec(**_fields(gate)) for gate in settings.gates),
        presets=settings.presets == "auto",
        freeze=tuple(Freeze(begins=window.from_, ends=window.to, why=window.why) for window in settings.freeze),
        disk=settings.disk,
        before_deploy=settings.before_deploy,
    )


def _fields(check: BaseModel) -> dict[str, Any]:
    fields = check.model_dump(exclude={"tcp"})
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}


def _digest(written: Any) -> str:
    text = json.dumps(written, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
