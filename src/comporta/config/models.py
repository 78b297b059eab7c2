"""The shape of `comporta.yml`. Validation, JSON Schema and reference all come from these models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    Discriminator,
    Field,
    JsonValue,
    StringConstraints,
    Tag,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)

from comporta.config.before import Gates, Versions
from comporta.config.part import Part
from comporta.config.receivers import AnyReceiver
from comporta.config.types import (
    DatabaseUrl,
    Domain,
    Duration,
    FilePath,
    HttpUrl,
    Key,
    Line,
    Listen,
    Name,
    Percent,
    PlainPath,
    PortRange,
    PositiveDuration,
    Query,
    Rate,
    Recipient,
    Stage,
    UrlPath,
    refusal,
)
from comporta.model import checks
from comporta.model.queries import placeholders
from comporta.model.spec import (
    BackupSpec,
    BlueGreenSpec,
    CanaryLimits,
    CanarySpec,
    DatabaseSpec,
    FeaturesPhase,
    HealthPhase,
    HealthSpec,
    LoadPhase,
    MaintenanceSpec,
    MetricsSpec,
    PerformancePhase,
    RollingSpec,
    ServiceLevelsSpec,
    Thresholds,
    WatchSpec,
)

OptionTypes: TypeAlias = Mapping[str, Mapping[str, type[BaseModel]]]
"""Kind of driver ("runtimes", "routers", "migrators") → its name → the type that validates its part of the config."""

SECTIONS = {"runtimes": ("runtime", "release"), "routers": ("router", "proxy")}
"""Kind of driver → the key that chooses one, and the section that holds the options of each."""

HTTP = checks.HttpCheck(name="")
TCP = checks.TcpCheck(name="")
COMMAND = checks.CommandCheck(name="", run=())
HEALTH = HealthSpec(checks=())
BLUE_GREEN = BlueGreenSpec()
CANARY = CanarySpec()
LIMITS = CanaryLimits()
ROLLING = RollingSpec()
MAINTENANCE = MaintenanceSpec()
WATCH = WatchSpec()
THRESHOLDS = Thresholds()
ERRORS, LATENCY, AVAILABILITY = WATCH.triggers
BACKUPS = BackupSpec()
METRICS = MetricsSpec(url="", queries=())
DATABASE = DatabaseSpec(url="")
LEVELS = ServiceLevelsSpec()
IMMEDIATE, PERFORMANCE, FEATURES, CAPACITY = HealthPhase(), PerformancePhase(), FeaturesPhase(), LoadPhase()
WATCH = WatchSpec()

HeaderName = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
HeaderValue = Annotated[str, StringConstraints(pattern="^[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$")]
Status = Annotated[int, Field(ge=100, le=599)]


class HttpCheck(Part):
    """A request whose answer must match. This is the kind of check unless `tcp` or `run` is there."""

    name: Line = Field(description="What it is called in the output.")
    path: UrlPath = Field(description="What to ask for.")
    method: Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] = Field(
        default="GET", description="The method of the request."
    )
    headers: dict[HeaderName, HeaderValue] = Field(default={}, description="Headers to send besides Host.")
    body: str = Field(default=HTTP.body, description="The body to send.")
    status: list[Status] = Field(default=list(HTTP.status), description="Status codes that are right. Empty: any 2xx.")
    expect: dict[str, JsonValue] = Field(
        default={},
        description="JSON path (`status`, `data.items[0].id`) → the value that must stand there in the answer.",
    )
    expect_headers: dict[HeaderName, str] = Field(default={}, description="Header of the answer → its exact value.")
    within: PositiveDuration | None = Field(default=HTTP.within, description="The answer must take less than this.")
    timeout: PositiveDuration = Field(default=HTTP.timeout, description="How long one attempt may take.")


class TcpCheck(Part):
    """The port of the instance accepts a connection."""

    name: Line = Field(description="What it is called in the output.")
    tcp: Literal[True] = Field(description="`true`: this is the kind of check.")
    timeout: PositiveDuration = Field(default=TCP.timeout, description="How long one attempt may take.")


class CommandCheck(Part):
    """A program that must exit with 0. It is run in the folder of the config, without a shell."""

    name: Line = Field(description="What it is called in the output.")
    run: Annotated[list[str], Field(min_length=1)] = Field(
        description="The words of the command. They may hold `{url}`, `{address}`, `{host}`, `{slot}`, `{index}`, "
        "`{python}`."
    )
    timeout: PositiveDuration = Field(default=COMMAND.timeout, description="How long one attempt may take.")


def _kind(check: Any) -> str:
    keys = check if isinstance(check, dict) else {}
    return "<CommandCheck>" if "run" in keys else "<TcpCheck>" if "tcp" in keys else "<HttpCheck>"


Check = Annotated[
    Annotated[HttpCheck, Tag("<HttpCheck>")]
    | Annotated[TcpCheck, Tag("<TcpCheck>")]
    | Annotated[CommandCheck, Tag("<CommandCheck>")],
    Discriminator(_kind),
]


class Health(Part):
    """What must be true of each instance before it gets users, and of the router afterwards."""

    checks: Annotated[list[Check], Field(min_length=1)] = Field(
        description="Each must pass on each instance. A release without a check would be promoted without evidence. "
        "The first one is the liveness check, all that a rollback asks before its switch: let it depend on nothing "
        "but the instance."
    )
    timeout: PositiveDuration = Field(default=HEALTH.timeout, description="How long the checks may take to pass.")
    interval: PositiveDuration = Field(
        default=HEALTH.interval, description="The wait before a failed check is asked again."
    )


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


class MetricQuery(Part):
    """A metric that a new release must keep below a limit: `max`, `max_ratio`, or both."""

    name: Line = Field(description="What it is called in the output.")
    query: Query = Field(
        description="PromQL that answers with one number; no answer, or NaN, means: no data. It may hold `{release}` "
        "(the number), `{version}` (in quotes) and `{slot}`."
    )
    max: float | None = Field(default=None, description="The largest value that is right.")
    max_ratio: Annotated[float, Field(ge=1)] | None = Field(
        default=None,
        description="How many times stable's value it may be, such as `1.5`. The query needs a placeholder for it.",
    )

    @field_validator("max_ratio")
    @classmethod
    def _asks_each_role(cls, ratio: float | None, info: ValidationInfo) -> float | None:
        query = info.data.get("query")
        if ratio is not None and query is not None and not placeholders(query):
            advice = 'tell them apart in `query`, such as release="{release}", version="{version}" or slot="{slot}"'
            raise refusal("the query is the same for stable and for the candidate", advice)
        return ratio

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if self.max is None and self.max_ratio is None:
            raise refusal("there is neither `max` nor `max_ratio`", "add `max: 100` or `max_ratio: 1.5`, or both")
        return self


class Metrics(Part):
    """A Prometheus server (or what speaks its HTTP API) that is asked for further metrics of a new release."""

    url: HttpUrl = Field(
        description="Its address, before `/api/v1/query`. Name and password in it may be variables: "
        "`https://name:${PASSWORD}@metrics.example.com`."
    )
    queries: Annotated[list[MetricQuery], Field(min_length=1)] = Field(description="What is asked.")
    timeout: PositiveDuration = Field(default=METRICS.timeout, description="How long one answer may take.")
    headers: dict[HeaderName, HeaderValue] = Field(
        default={}, description='Headers to send, such as `Authorization: "Bearer ${TOKEN}"`.'
    )


class Keep(Part):
    """Which backups are kept. The last one that was verified is kept in any case."""

    last: Annotated[int, Field(ge=1)] = Field(default=BACKUPS.keep.last, description="The newest ones.")
    daily: Annotated[int, Field(ge=0)] = Field(
        default=BACKUPS.keep.daily, description="The newest of each of so many days that have one."
    )
    weekly: Annotated[int, Field(ge=0)] = Field(
        default=BACKUPS.keep.weekly, description="The newest of each of so many weeks that have one."
    )


class S3(Part):
    """An S3-compatible store, in which backups are kept instead of in `directory`."""

    bucket: Line = Field(description="The bucket, which must be there.")
    prefix: str = Field(default="", description="What the names of all objects begin with: `shop/production`.")
    endpoint: HttpUrl | None = Field(default=None, description="Its address. Default: Amazon's own.")
    region: Line = Field(default="us-east-1", description="Its region.")
    access_key: Key | None = Field(
        default=None, description="Such as `${S3_ACCESS_KEY}`. Default: the AWS_… variables."
    )
    secret_key: Key | None = Field(default=None, description="Such as `${S3_SECRET_KEY}`.")


class Backups(Part):
    """How the database is backed up."""

    directory: FilePath | None = Field(
        default=None,
        description="Where backups are kept (or prepared, with `s3`), relative to the config's folder. Default: in the "
        "state folder.",
    )
    s3: S3 | None = Field(default=None, description="An S3-compatible store, in which they are kept instead.")
    keep: Keep = Field(default=Keep(), description="Which ones are kept.")
    verify: bool = Field(default=BACKUPS.verify, description="Restore each new backup, and compare.")
    recipients: list[Recipient] = Field(
        default=[], description="Who can read the backups, as recipients of age. None: they are not encrypted."
    )
    identity: FilePath | None = Field(
        default=None,
        description="age's identity file, to read them: for verify and restore. Relative to the config's folder.",
    )


class Database(Part):
    """The database whose schema belongs to the release."""

    url: DatabaseUrl = Field(
        description="Where it is: `postgresql://…`, or `sqlite:///file.db` relative to the config's folder. A password "
        "belongs into a variable: `${DATABASE_URL}`."
    )
    migrations: Any = None
    lock_timeout: PositiveDuration = Field(
        default=DATABASE.lock_timeout,
        description="How long a migration may wait for a lock, and users behind it; then it gives up and tries again.",
    )
    statement_timeout: PositiveDuration = Field(
        default=DATABASE.statement_timeout, description="How long one statement of a migration may run."
    )
    lock_wait: PositiveDuration = Field(
        default=DATABASE.lock_wait, description="How long to wait for another migration of the same database."
    )
    backups: Backups = Field(default=Backups(), description="How it is backed up.")


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


class Slots(Part):
    """The ports of the instances, for each of the two slots."""

    blue: PortRange = Field(description="Ports of the blue slot's instances.")
    green: PortRange = Field(description="Ports of the green slot's instances.")


class Common(Part):
    """What can stand at the top, for every environment, and in an environment, for it alone."""

    release: Any
    proxy: Any = None
    runtime: str = Field(default="process", description="The driver that starts and stops instances.")
    router: str = Field(default="nginx", description="The driver that sends requests to a slot.")
    instances: int = Field(default=1, ge=1, description="How many copies of the service run.")
    health: Health
    smoke: list[CommandCheck] = Field(
        default=[], description="Commands that try the new release before it gets users. Each is a command check."
    )
    blue_green: BlueGreen = Field(default=BlueGreen(), description="The waits of a blue-green deployment.")
    canary: Canary = Field(default=Canary(), description="The stages of a canary, and what is asked at each.")
    rolling: Rolling = Field(default=Rolling(), description="How a rolling deployment goes from batch to batch.")
    monitoring: Literal["enabled", "basic", "disabled"] = Field(
        default="enabled",
        description="What the watch does: roll back and tell people, only tell them (`basic`), or nothing.",
    )
    keep_failed: Duration = Field(
        default=3600.0,
        description="How long a candidate runs on without users after its deployment turned back, so that it can be "
        "looked into; at least `blue_green.drain`. `0s` stops it at once.",
    )
    database: Database | None = Field(default=None, description="The database whose schema belongs to the release.")
    metrics: Metrics | None = Field(
        default=None, description="What is measured of a new release beside the router's own figures."
    )
    watch: Watch = Field(default=Watch(), description="How a live release is watched.")
    # pydantic has a method of that name: only in the file is it called so.
    validation: Validate = Field(
        default=Validate(), alias="validate", description="What is asked of a release after its deployment."
    )
    service_levels: ServiceLevels = Field(default=ServiceLevels(), description="What deploying is to keep to.")
    maintenance: Maintenance = Field(
        default=Maintenance(), description="What users get while the service is closed for maintenance."
    )
    alerts: list[AnyReceiver] = Field(default=[], description="Who is told what happens.")
    preflight: Gates = Field(default=Gates(), description="What must hold before a deployment.")
    versions: Versions = Field(default=Versions(), description="How `comporta release` makes a version.")
    env_file: FilePath | None = Field(
        default=None,
        description="`NAME=value` lines that every instance gets, relative to the config's folder. Values are secrets.",
    )
    state: FilePath = Field(
        default=".comporta", description="The folder of journal, logs and proxy files, relative to the config's folder."
    )


class Environment(Common):
    """A named place where the service runs."""

    domain: Domain = Field(description="The name that users call. A port in it is the port of `listen`.")
    listen: Listen | None = Field(
        default=None,
        description="Where the router takes requests. Default: `127.0.0.1:` with the port of `domain`, else 8080.",
    )
    slots: Slots | None = Field(
        default=None,
        description="Ports of the instances. Default: ten for each slot, from 8101 on for the first environment of "
        "the file, from 8121 on for the second, and so on.",
    )


class File(Common):
    """A whole `comporta.yml`."""

    service: Name = Field(description="What the users call.")


def build(options: OptionTypes) -> tuple[type[File], type[Environment]]:
    """The models of the whole file and of one environment, with the options of these drivers."""
    fields: dict[str, Any] = {}
    for kind, (choice, section) in SECTIONS.items():
        field = Common.model_fields[choice]
        names = Literal[tuple(options[kind])]  # type: ignore[valid-type]  # the drivers that are installed
        fields[choice] = (names, Field(field.default, description=field.description, validate_default=True))
        fields[section] = (_section(section, choice, options[kind]), Field(default_factory=dict, validate_default=True))
    fields["database"] = _database(options["migrators"])
    environment = create_model("Environment", __base__=Environment, __doc__=Environment.__doc__, **fields)
    named: Any = Annotated[dict[Name, environment], Field(min_length=1)]  # type: ignore[valid-type]
    environments: Any = (named, Field(description="Name → what holds there. Overrides anything of the top level."))
    file = create_model("File", __base__=File, __doc__=File.__doc__, environments=environments, **fields)
    return file, environment


def _section(name: str, choice: str, drivers: Mapping[str, type[BaseModel]]) -> type[Part]:
    """The part of the file that holds the options of each driver. None where the file has none for it."""
    parts: dict[str, Any] = {driver: (kind, Field(default_factory=type(None))) for driver, kind in drivers.items()}
    doc = f"Name of a {choice} → its options. Only those of the chosen one count."
    return create_model(name.capitalize(), __base__=Part, __doc__=doc, **parts)


def _database(migrators: Mapping[str, type[BaseModel]]) -> tuple[Any, Any]:
    """The field `database`, with the options of each migrator of which one may be named."""
    parts: dict[str, Any] = {name: (kind | None, Field(default=None)) for name, kind in migrators.items()}
    validators: dict[str, Any] = {"one": model_validator(mode="after")(_one_migrator)}
    doc = "Name of a migrator → its options. Exactly one may be named."
    section = create_model("Migrations", __base__=Part, __doc__=doc, __validators__=validators, **parts)
    described = Field(default=None, description="How it is changed: the name of a migrator → its options.")
    migrations: Any = (section | None, described)
    model = create_model("Database", __base__=Database, __doc__=Database.__doc__, migrations=migrations)
    field = Common.model_fields["database"]
    return model | None, Field(default=None, description=field.description)


def _one_migrator(section: Any) -> Any:
    named = [name for name in type(section).model_fields if getattr(section, name) is not None]
    if len(named) != 1:
        known = ", ".join(type(section).model_fields)
        raise refusal(f"{len(named)} migrators are named, where one is needed", f"name one of {known}")
    return section
