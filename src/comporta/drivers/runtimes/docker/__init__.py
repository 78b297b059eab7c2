"""Releases as images, instances as containers of a Docker Engine: the `docker` runtime.

What a container is, its labels tell; the slot's folder holds what labels cannot: how many instances are wanted, until
when, and what removed containers wrote. Nothing is imported before it is needed: every command reads the options.
"""

from __future__ import annotations

from comporta.drivers.runtimes.docker.options import DockerOptions
from comporta.model.findings import Finding
from comporta.model.spec import EnvironmentSpec
from comporta.ports.clock import Clock
from comporta.ports.drivers import Driver
from comporta.ports.runtime import Runtime
from comporta.ports.secrets import Secrets


def build(spec: EnvironmentSpec, options: DockerOptions, clock: Clock, secrets: Secrets) -> Runtime:
    from comporta.drivers.runtimes.docker.runtime import DockerRuntime

    return DockerRuntime(spec, options, clock, secrets)


def diagnose(spec: EnvironmentSpec, options: DockerOptions) -> list[Finding]:
    from comporta.drivers.runtimes.docker import diagnosis

    return diagnosis.diagnose(spec, options)


driver: Driver[Runtime] = Driver(options=DockerOptions, build=build, diagnose=diagnose)
