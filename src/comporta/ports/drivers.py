"""How a driver is offered: an entry point names a `Driver`, and the composition root builds the port with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from msgspec import Struct
from pydantic import BaseModel

from comporta.model.findings import Finding
from comporta.model.spec import EnvironmentSpec
from comporta.ports.clock import Clock
from comporta.ports.secrets import Secrets

Port = TypeVar("Port")


class Driver(Generic[Port], Struct, frozen=True):
    """A runtime, a router or a migrator, as the entry point groups `comporta.runtimes`, `comporta.routers` and
    `comporta.migrators` name them.

    Attributes:
        options: validates the driver's own part of the config; unknown keys are forbidden. A runtime's may have
            `instance_hosts`: the addresses that instances listen on, in turn by their index, where not on the loopback.
        build: (spec, validated options, clock, secrets) → the port. Does no I/O.
        diagnose: what this machine has, or lacks, for this environment. Changes nothing.
    """

    options: type[BaseModel]
    build: Callable[[EnvironmentSpec, Any, Clock, Secrets], Port]
    diagnose: Callable[[EnvironmentSpec, Any], list[Finding]]
