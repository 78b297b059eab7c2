"""The shape of `comporta.yml`. Validation, JSON Schema and reference all come from these models."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, Field, create_model, model_validator

from comporta.config.before import Gates, Versions
from comporta.config.checks import CommandCheck, Health
from comporta.config.databases import Database
from comporta.config.judging import ServiceLevels, Validate
from comporta.config.metrics import Metrics
from comporta.config.operating import Maintenance, Watch
from comporta.config.part import Part
from comporta.config.receivers import AnyReceiver
from comporta.config.strategies import BlueGreen, Canary, Rolling
from comporta.config.types import Domain, Duration, FilePath, Listen, Name, PortRange, PositiveDuration, refusal

OptionTypes: TypeAlias = Mapping[str, Mapping[str, type[BaseModel]]]
"""Kind of driver ("runtimes", "routers", "migrators") → its name → the type that validates its part of the config."""

SECTIONS = {"runtimes": ("runtime", "release"), "routers": ("router", "proxy")}
"""Kind of driver → the key that chooses one, and the section that holds the options of each."""


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
    approvals: int = Field(
        default=0, ge=0, description="How many other people must approve a deployment (`comporta approve`) first."
    )
    approval_timeout: PositiveDuration = Field(
        default=3600.0, description="How long a deployment waits for that before it is given up."
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
    return _build(tuple((kind, tuple(named.items())) for kind, named in options.items()))


_Known: TypeAlias = tuple[tuple[str, tuple[tuple[str, type[BaseModel]], ...]], ...]


@cache
def _build(
    known: tuple[tuple[str, tuple[tuple[str, type[BaseModel]], ...]], ...],
) -> tuple[type[File], type[Environment]]:
    """Made once: it takes longer than to read a file."""
    options = {kind: dict(named) for kind, named in known}
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
