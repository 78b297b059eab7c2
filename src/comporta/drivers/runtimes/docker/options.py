"""What the config may say under `release.docker`."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from comporta.config.types import Duration
from comporta.config.variables import has_variable
from comporta.drivers.runtimes.placeholders import EnvName, check_placeholders, check_shows_no_secret

PLACEHOLDERS = ("port", "version", "slot", "index")
UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
SHARED_NETWORKS = ("host", "none")
"""Networks in which an instance has no port of its own."""


def _bytes(written: Any) -> Any:
    match = re.fullmatch(r"(\d+)([kmg])b?", written.lower()) if isinstance(written, str) else None
    return int(match[1]) * UNITS[match[2]] if match else written


def _network(name: str) -> str:
    if name in SHARED_NETWORKS:
        raise ValueError(f"instances cannot share the network {name!r}: each needs a port of its own")
    return name


def _volume(written: str) -> str:
    source, _, rest = written.partition(":")
    target, _, mode = rest.partition(":")
    if not source or not PurePosixPath(target).is_absolute() or mode not in ("", "ro", "rw"):
        raise ValueError(f"{written!r} is no volume: write NAME:/path, ./folder:/path or /folder:/path, and :ro")
    return written


Size = Annotated[int, BeforeValidator(_bytes), Field(ge=6 << 20)]
"""Bytes, written like "512m" or "2g". The engine refuses less than 6 MiB."""
Network = Annotated[str, StringConstraints(min_length=1), AfterValidator(_network)]
Volume = Annotated[str, AfterValidator(_volume)]
Port = Annotated[int, Field(ge=1, le=65535)]
Restart = Annotated[str, StringConstraints(pattern=r"^(no|always|unless-stopped|on-failure(:[1-9]\d{0,5})?)$")]
Address = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F.:]+$")]
EngineUrl = Annotated[
    str,
    StringConstraints(
        pattern=r"^(unix:///[^\s]+|tcp://[A-Za-z0-9.-]+:\d{1,5}"
        r"|ssh://([A-Za-z0-9._-]+@)?[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?(/[^\s]*)?)$"
    ),
]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Build(Part):
    """How the image of a version is made. `context` is a folder beside the config, `dockerfile` a path in it."""

    context: str = "."
    dockerfile: str = "Dockerfile"
    args: dict[EnvName, str] = {}
    target: str = ""

    @model_validator(mode="after")
    def _holds_no_secret(self) -> Build:
        check_placeholders([self.context, *self.args.values()], ("version",))
        if any(has_variable(text) for text in self.args.values()):
            raise ValueError("a build argument stays readable in the image: give secrets to instances, through `env`")
        return self


class Registry(Part):
    """Who we are to the registry, where `docker login` does not say it. The password is a secret: `${NAME}`."""

    username: str
    password: str


class Limits(Part):
    """What one instance may use. None: as much as there is."""

    memory: Size | None = None
    cpus: Annotated[float, Field(gt=0)] | None = None
    pids: Annotated[int, Field(ge=1)] | None = None


class Logging(Part):
    """The engine's log driver. The default keeps 30 MB of each instance."""

    driver: str = "json-file"
    options: dict[str, str] = {"max-size": "10m", "max-file": "3"}


class Container(Part):
    """What every container of a release is like: recorded with the release.

    Attributes:
        port: where the service listens inside; it is published on the port of the instance.
        command: in place of the image's own; no shell reads it.
        stop_grace: seconds between the image's stop signal and SIGKILL.
    """

    port: Port
    command: tuple[str, ...] = ()
    env: dict[EnvName, str] = {}
    volumes: tuple[Volume, ...] = ()
    networks: tuple[Network, ...] = ()
    limits: Limits = Limits()
    restart: Restart = "unless-stopped"
    log: Logging = Logging()
    stop_grace: Duration = 10.0

    @field_validator("command")
    @classmethod
    def _command_shows_no_secret(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        check_placeholders(command, PLACEHOLDERS)
        check_shows_no_secret(command)
        return command

    @field_validator("env")
    @classmethod
    def _env_uses_known_placeholders(cls, env: dict[str, str]) -> dict[str, str]:
        check_placeholders(env.values(), PLACEHOLDERS)
        return env


class HostOptions(Part):
    """One of several hosts.

    Attributes:
        engine: its engine, as in `release.docker.engine`.
        address: of that machine: instances are published on it, and the router reaches them there.
    """

    engine: EngineUrl
    address: Address


class DockerOptions(Container):
    """A release is an image, and its instances are containers.

    Attributes:
        image: its name; `{version}` stands in it.
        build: how it is built; None: it is there already, or pulled.
        pull: "missing" asks the registry only for images that are not here, "always" each time, "never" not at all.
        engine: unix:///path, tcp://host:port or ssh://user@host; None: as DOCKER_HOST says, else the local one.
        tls: the folder with ca.pem, cert.pem and key.pem; for tcp://. None: as DOCKER_CERT_PATH says.
        host: the address of the engine's machine on which instances are published. None: the loopback.
        hosts: several of these, over which the instances are spread, in place of `engine` and `host`.
        keep_images: so many images of releases that served before are kept for a rollback.
    """

    image: str
    build: Build | None = None
    pull: Literal["missing", "always", "never"] = "missing"
    registry: Registry | None = None
    engine: EngineUrl | None = None
    tls: str | None = None
    host: Address | None = None
    hosts: tuple[HostOptions, ...] = ()
    keep_images: Annotated[int, Field(ge=1)] = 10

    @field_validator("image")
    @classmethod
    def _image_differs_by_version(cls, image: str) -> str:
        check_placeholders([image], ("version",))
        if image.count("{version}") != 1 or "{version}" not in image.rpartition(":")[2]:
            raise ValueError("must end with a tag that holds {version}, as in shop:{version}")
        return image

    @model_validator(mode="after")
    def _hosts_stand_alone(self) -> DockerOptions:
        if self.hosts and (self.engine or self.host):
            raise ValueError("`hosts` stands in place of `engine` and `host`: write these for each host")
        if len({host.engine for host in self.hosts}) < len(self.hosts):
            raise ValueError("two hosts have the same engine")
        return self

    @property
    def instance_hosts(self) -> tuple[str, ...]:
        """The addresses on which instances are published, in turn; none: on the loopback."""
        return tuple(host.address for host in self.hosts) or ((self.host,) if self.host else ())

    def reference(self, version: str) -> str:
        """The name of a version's image. A tag cannot hold the "+" of build metadata: it becomes "_"."""
        return self.image.replace("{version}", version.replace("+", "_"))

    @property
    def container(self) -> Container:
        return Container.model_validate(self.model_dump(include=set(Container.model_fields)))
