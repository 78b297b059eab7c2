"""What the config asks for, for one environment, complete and typed. Durations are in seconds."""

from __future__ import annotations

from typing import Any, NamedTuple

from comporta.model.checks import Check, CommandCheck
from comporta.model.preflight import PreflightSpec
from comporta.model.traffic import Slot
from comporta.model.values import Value


class PortRange(Value, frozen=True):
    """Ports first…last, both included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def overlaps(self, other: PortRange) -> bool:
        return self.first <= other.last and other.first <= self.last

    def take(self, count: int) -> tuple[int, ...]:
        return tuple(range(self.first, self.first + count))


class HealthSpec(Value, frozen=True):
    """Each check must pass on each instance within `timeout`; a failed one is asked again after `interval`."""

    checks: tuple[Check, ...]
    timeout: float = 300.0
    interval: float = 1.0

    @property
    def liveness(self) -> tuple[Check, ...]:
        """What tells that an instance lives, whatever else is down: the first check."""
        return self.checks[:1]


class BlueGreenSpec(Value, frozen=True):
    """The waits of a blue-green deployment.

    Attributes:
        stabilize: how long the switched traffic is watched.
        max_error_rate: failing requests during that watch, as a fraction, above which the switch is undone.
        final_timeout: how long the checks through the router may take to pass.
        drain: the longest wait for requests in flight on the old slot.
        keep_warm: how long the old slot stays up, without traffic, for an instant rollback; 0 stops it at once.
    """

    stabilize: float = 30.0
    max_error_rate: float = 0.05
    final_timeout: float = 120.0
    drain: float = 60.0
    keep_warm: float = 3600.0


class CanaryLimits(Value, frozen=True):
    """What ends a canary whatever stable does beside it; None switches a limit off.

    Attributes:
        errors: failing requests, as a fraction.
        errors_above_stable: how much larger than stable's that fraction may be.
        latency: mean, in seconds.
        latency_above_stable: how much larger than stable's mean, in seconds.
    """

    errors: float | None = 0.10
    errors_above_stable: float | None = 0.02
    latency: float | None = 10.0
    latency_above_stable: float | None = 3.0


class CanarySpec(Value, frozen=True):
    """The stages of a canary, and what is asked of the candidate at each.

    Attributes:
        start, stages: shares of the candidate, in percent; the last stage is 100.
        watch: the longest wait for a verdict at the first share.
        hold: the same at each later one; min_hold: the least time there.
        bake: the least time under traffic before anything is proven.
        on_inconclusive: "hold" for a person, `hold_for` at most, or "abort".
        false_alarms: the probability of aborting a healthy candidate, over the whole deployment.
        wrong_promotions: the probability of promoting one that is worse by a margin.
        error_margin: how many more requests may fail, as a fraction, for a candidate to be no worse.
        latency_margin: how many more requests may be slower than 95 % of stable's.
        latency_tolerance: how much slower is fine, as a fraction.
        latency_floor: seconds below which all latencies are alike.
        warm_up: how long a cold candidate's latencies are not judged.
    """

    start: int = 5
    watch: float = 900.0
    stages: tuple[int, ...] = (10, 25, 50, 75, 100)
    hold: float = 120.0
    min_hold: float = 30.0
    bake: float = 300.0
    on_inconclusive: str = "hold"
    hold_for: float = 86400.0
    false_alarms: float = 0.01
    wrong_promotions: float = 0.05
    error_margin: float = 0.01
    latency_margin: float = 0.05
    latency_tolerance: float = 0.0
    latency_floor: float = 0.005
    warm_up: float = 30.0
    limits: CanaryLimits = CanaryLimits()

    @property
    def splits(self) -> tuple[int, ...]:
        """The shares at which both releases serve, in rising order."""
        return tuple(sorted({self.start, *self.stages} - {100}))


class Stand(NamedTuple):
    """How many instances of the new and of the old release get requests."""

    new: int
    old: int

    @property
    def share(self) -> int:
        """Of the new release, in whole percent; 0 and 100 only where it has none or all."""
        if not self.new or not self.old:
            return 100 if self.new else 0
        return min(99, max(1, round(100 * self.new / (self.new + self.old))))


class RollingSpec(Value, frozen=True):
    """How a rolling deployment goes from batch to batch.

    Attributes:
        batch: how many instances are replaced at once.
        max_unavailable: how many instances fewer than configured may serve meanwhile.
        pause: how long each batch is watched under traffic before the instances that it replaces are stopped.
    """

    batch: int = 1
    max_unavailable: int = 0
    pause: float = 10.0

    def stands(self, instances: int) -> list[Stand]:
        """Who serves, switch by switch, after all of `instances` old ones. An old one stays until the last batch."""
        stands: list[Stand] = []
        new, old = 0, instances
        while old:
            after = min(instances, new + self.batch)
            fewer = max(instances - after, old - self.max_unavailable, 1)
            stands += [Stand(new, fewer)] if fewer < old else []
            new, old = after, instances - after
            stands.append(Stand(new, old))
        return stands


class MetricQuery(Value, frozen=True):
    """A further metric of the candidate, with one limit or both.

    Attributes:
        query: in the source's language, with placeholders (`model/queries.py`) that make it one role's.
        max: the largest value that is right.
        max_ratio: how many times stable's value it may be.
    """

    name: str
    query: str
    max: float | None = None
    max_ratio: float | None = None


class MetricsSpec(Value, frozen=True):
    """A source of further metrics.

    Attributes:
        url: of a Prometheus server. Its name and password, the headers and the queries may hold `${NAME}`.
        timeout: how long one answer may take.
        headers: sent with each question.
    """

    url: str
    queries: tuple[MetricQuery, ...]
    timeout: float = 5.0
    headers: dict[str, str] = {}


class Trigger(Value, frozen=True):
    """A live release is bad when a measure was beyond its limit throughout the last `seconds`.

    `measure` is "errors" (a share of the requests), "latency" (the mean, in seconds) or "availability" (the share of
    requests and probes that had no answer, so that more is worse here too).
    """

    measure: str
    limit: float
    seconds: float


class Thresholds(Value, frozen=True):
    """When people are told; None switches a threshold off.

    Attributes:
        windows: over how many seconds, shortest first: what is critical, what degrades, what is a trend. The longest
            one is also how far back the baseline reaches.
        errors_increase: failing requests above the baseline, as a fraction (0.05: five points).
        latency_increase: mean latency above the baseline's, as a fraction of that (0.5: half as much again).
        availability: the least share of requests and probes that are answered.
    """

    windows: tuple[float, ...] = (300.0, 1800.0, 86400.0)
    errors_increase: float | None = 0.05
    latency_increase: float | None = 0.5
    availability: float | None = 0.995


class WatchSpec(Value, frozen=True):
    """How a live release is watched.

    Attributes:
        window: how long a release must have served before it is called good; twice as long after an emergency.
        interval: seconds between two looks.
        triggers: what makes the watch roll back.
        metrics: host:port where `comporta serve` answers Prometheus; None: nowhere.
    """

    window: float = 300.0
    interval: float = 1.0
    triggers: tuple[Trigger, ...] = (
        Trigger(measure="errors", limit=0.15, seconds=300.0),
        Trigger(measure="latency", limit=10.0, seconds=120.0),
        Trigger(measure="availability", limit=0.05, seconds=60.0),
    )
    thresholds: Thresholds = Thresholds()
    metrics: str | None = None


class MaintenanceSpec(Value, frozen=True):
    """What users get while the service is closed for maintenance.

    Attributes:
        page: absolute path of the operator's own page (HTML); None: a simple one is made.
        retry_after: seconds after which users may try again.
        exempt: paths that reach the service all the same; one that ends in `/` stands for all below it.
        always_ok: paths that the router itself answers with 200 then, such as for a load balancer in front of it.
    """

    page: str | None = None
    retry_after: float = 60.0
    exempt: tuple[str, ...] = ()
    always_ok: tuple[str, ...] = ()


class ReceiverSpec(Value, frozen=True):
    """Somebody who is told what happens.

    Attributes:
        kind: "webhook", "run" or "apprise".
        target: an address, or the words of a command. May hold `${NAME}`, as may `secret`.
        secret: what a webhook's messages are signed with; empty: they are not.
        format: of a webhook's body: "comporta" or "cdevents".
        events: which messages it gets; empty: all.
        timeout: how long one delivery may take.
    """

    kind: str
    target: tuple[str, ...]
    secret: str = ""
    events: tuple[str, ...] = ()
    timeout: float = 10.0
    format: str = "comporta"


class VersionsSpec(Value, frozen=True):
    """How a version is released.

    Attributes:
        file: where the version stands, relative to the config's folder; None: the first that is there of
            pyproject.toml, package.json and VERSION.
        branch: from which releases are made; remote: where they are pushed.
        tag: the name of the tag, with `{version}` in it.
    """

    file: str | None = None
    branch: str = "main"
    remote: str = "origin"
    tag: str = "v{version}"


class ServiceLevelsSpec(Value, frozen=True):
    """What deploying is to keep to.

    Attributes:
        success: the least share of deployments that are promoted.
        deployment, rollback: the longest that 95 % of them may take.
        lost: how many requests may be lost by all of them together.
    """

    success: float = 0.95
    deployment: float = 900.0
    rollback: float = 300.0
    lost: int = 0


class HealthPhase(Value, frozen=True):
    """All checks keep passing for `during` seconds."""

    during: float = 120.0


class PerformancePhase(Value, frozen=True):
    """The same load on the new release and on the one before.

    Attributes:
        during: seconds in all.
        path: what is asked for; None: what the first health check over HTTP asks for.
        rate: requests a second, to measure latency; connections: asking at once, to measure throughput.
        slower: how many times the latency before it may have; throughput: what part of it the new one must have.
    """

    during: float = 300.0
    path: str | None = None
    rate: float = 20.0
    connections: int = 2
    slower: float = 1.5
    throughput: float = 0.8


class FeaturesPhase(Value, frozen=True):
    """The service's own tests, within `during` seconds; without any, the smoke tests."""

    during: float = 600.0
    checks: tuple[Check, ...] = ()


class LoadPhase(Value, frozen=True):
    """A load that rises to `to` requests a second, over `during` seconds.

    Attributes:
        path: as for performance.
        max_errors: the share of requests that may fail; within: seconds for 95 % of the answers.
        users: also where users are served, and not only on a release that has none yet.
    """

    during: float = 900.0
    path: str | None = None
    to: float = 200.0
    max_errors: float = 0.01
    within: float = 1.0
    users: bool = False


class ValidateSpec(Value, frozen=True):
    """What is asked of a release after it went live. None leaves a phase out."""

    after_promotion: bool = False
    health: HealthPhase | None = HealthPhase()
    performance: PerformancePhase | None = PerformancePhase()
    features: FeaturesPhase | None = FeaturesPhase()
    load: LoadPhase | None = LoadPhase()


class DriverSpec(Value, frozen=True):
    """A driver by name, with its own part of the config (already validated by the driver's options type)."""

    name: str
    options: dict[str, Any] = {}


class KeepSpec(Value, frozen=True):
    """Which backups are kept: the last ones, and the newest of each of the last days and weeks that have one."""

    last: int = 7
    daily: int = 14
    weekly: int = 8


class S3Spec(Value, frozen=True):
    """An S3-compatible store. The keys are as written: `${NAME}` is filled in when it is opened.

    Attributes:
        endpoint: None: Amazon's own.
        access_key, secret_key: None: what the AWS_… variables say.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str = "us-east-1"
    access_key: str | None = None
    secret_key: str | None = None


class BackupSpec(Value, frozen=True):
    """How the database is backed up.

    Attributes:
        directory: absolute path, where backups are kept, or prepared for `s3`; None: in the state folder.
        s3: where they are kept instead.
        verify: restore each new backup and compare.
        recipients: of age: each can read the backups; none: they are not encrypted.
        identity: absolute path of age's identity file, to read them.
    """

    directory: str | None = None
    s3: S3Spec | None = None
    keep: KeepSpec = KeepSpec()
    verify: bool = True
    recipients: tuple[str, ...] = ()
    identity: str | None = None


class DatabaseSpec(Value, frozen=True):
    """The database of an environment, and how its schema is changed.

    Attributes:
        url: as it is written: `${NAME}` is filled in when it is opened.
        migrator: the driver that applies migrations; None: comporta applies none.
        lock_timeout: how long a statement may wait for a lock, and users behind it.
        statement_timeout: how long a statement may run.
        lock_wait: how long to wait for another migration of the same database.
        backups: how it is backed up.
    """

    url: str
    migrator: DriverSpec | None = None
    lock_timeout: float = 5.0
    statement_timeout: float = 300.0
    lock_wait: float = 600.0
    backups: BackupSpec = BackupSpec()


class EnvironmentSpec(Value, frozen=True):
    """Everything comporta needs to deploy a service to one environment.

    Attributes:
        base: the folder of the config file; relative paths start there.
        listen: host:port where the router takes requests.
        domain: the name users call, without a port.
        env_file: absolute path of the env file, if there is one.
        instance_host: the address that instances listen on, as the router reaches them.
        instance_hosts: where instances live on several hosts, in turn by their index; empty: all on `instance_host`.
        keep_failed: how many seconds a candidate runs on after its deployment turned back; 0: it is stopped.
        approvals: how many other people must approve a deployment; approval_timeout: seconds that it waits for them.
        monitoring: whether the watch may roll back ("enabled"), only tells ("basic"), or does neither ("disabled").
        metrics: what is measured beside the router's log; None: nothing.
        database: whose schema belongs to the release; None: it has none.
        alerts: who is told what happens.
        digest: of the config as written, so that a release can tell which one it ran with.
    """

    service: str
    environment: str
    base: str
    state: str
    domain: str
    listen: str
    instances: int
    blue: PortRange
    green: PortRange
    runtime: DriverSpec
    router: DriverSpec
    health: HealthSpec
    smoke: tuple[CommandCheck, ...]
    blue_green: BlueGreenSpec
    canary: CanarySpec
    monitoring: str
    digest: str
    keep_failed: float = 3600.0
    approvals: int = 0
    approval_timeout: float = 3600.0
    metrics: MetricsSpec | None = None
    database: DatabaseSpec | None = None
    watch: WatchSpec = WatchSpec()
    rolling: RollingSpec = RollingSpec()
    service_levels: ServiceLevelsSpec = ServiceLevelsSpec()
    validate: ValidateSpec = ValidateSpec()
    maintenance: MaintenanceSpec = MaintenanceSpec()
    alerts: tuple[ReceiverSpec, ...] = ()
    versions: VersionsSpec = VersionsSpec()
    preflight: PreflightSpec = PreflightSpec()
    env_file: str | None = None
    instance_host: str = "127.0.0.1"
    instance_hosts: tuple[str, ...] = ()

    @property
    def splits(self) -> tuple[int, ...]:
        """The shares at which both releases may serve, whatever the strategy, in rising order."""
        rolling = {stand.share for stand in self.rolling.stands(self.instances)} - {0, 100}
        return tuple(sorted({*self.canary.splits, *rolling}))

    def ports(self, slot: Slot) -> PortRange:
        return self.blue if slot is Slot.BLUE else self.green

    def addresses(self, slot: Slot, instances: int) -> tuple[str, ...]:
        """Where the instances of a slot answer (host:port), in order of their index."""
        hosts = self.instance_hosts or (self.instance_host,)
        shown = [f"[{host}]" if ":" in host else host for host in hosts]
        ports = self.ports(slot).take(instances)
        return tuple(f"{shown[number % len(shown)]}:{port}" for number, port in enumerate(ports))
