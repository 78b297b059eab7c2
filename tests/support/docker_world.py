"""A tiny real service as images, and a docker runtime that runs it on free ports."""

from __future__ import annotations

import functools
import os
import secrets
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import pytest

from comporta.drivers.runtimes.docker.options import DockerOptions
from comporta.drivers.runtimes.docker.runtime import DockerRuntime
from comporta.drivers.system_clock import SystemClock
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot
from support import specs
from support.services import PlainSecrets, free_ports, port_range

BASE = "comporta-test/base:1"
"""Made by scripts/docker_engine.sh: busybox, and `service`, which listens on $PORT."""


ANOTHER = """
import sys
from pathlib import Path
import anyio
from comporta.model.traffic import Slot
from comporta.testing.runtime_contract import started
from support.docker_world import DockerWorld

base, service, blue, instances = sys.argv[1:]
world = DockerWorld(Path(base), service=service, blue=int(blue), stop_grace="1s")
print("begins", flush=True)
anyio.run(lambda: started(world.runtime, Slot.BLUE, "1.0.0", instances=int(instances)) if int(instances) else
          world.runtime.stop(Slot.BLUE))
print("done", flush=True)
sys.stdin.read()
"""


def docker(*words: str, given: str | None = None) -> str:
    """What Docker's own client says."""
    done = subprocess.run(["docker", *words], input=given, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def why_not() -> str:
    """Why there is no engine to test with; empty if there is one."""
    return why_not_image(BASE, "scripts/docker_engine.sh")


@functools.cache
def why_not_image(image: str, made_by: str) -> str:
    """Why there is no engine with that image; empty if there is one."""
    if os.geteuid() != 0:
        return "only root can crash the programs in containers"
    if shutil.which("docker") is None:
        return "there is no docker client: scripts/docker_engine.sh"
    looked = subprocess.run(
        ["docker", "image", "inspect", image], capture_output=True, text=True, check=False, timeout=120
    )
    return f"no engine with {image}: {made_by} ({looked.stderr.strip()})" if looked.returncode else ""


def need_engine() -> None:
    if cause := why_not():
        pytest.skip(cause)


class DockerWorld:
    """A service with the versions 1.0.0 and 1.1.0, in one environment; its name is used by nobody else."""

    def __init__(
        self,
        base: Path,
        *,
        service: str = "",
        environment: str = "test",
        blue: int = 0,
        registry_host: str = "",
        **options: Any,
    ) -> None:
        need_engine()
        self.base = base
        self.clock = SystemClock()
        self.secrets = PlainSecrets()
        self.service = service or f"t{secrets.token_hex(5)}"
        self.spec: EnvironmentSpec = specs.spec(
            service=self.service,
            base=str(base),
            state=str(base / ".comporta"),
            environment=environment,
            blue=port_range(blue or free_ports()),
            green=port_range(free_ports()),
        )
        self.registry_host = registry_host
        name = f"{registry_host}/{self.service}" if registry_host else self.service
        chosen = {"image": f"{name}:{{version}}", "pull": "never", "port": 3000, "stop_grace": 2, **options}
        self.options = DockerOptions(**chosen)
        self.renew()
        for version in ("1.0.0", "1.1.0"):
            # What is there already is what another comporta uses.
            if not service and not self.options.build and not registry_host:
                self.release(version)

    def renew(self) -> None:
        """The runtime as its spec and options are now."""
        self.spec = msgspec.structs.replace(self.spec, instance_hosts=self.options.instance_hosts)
        self.runtime = DockerRuntime(self.spec, self.options, self.clock, self.secrets)

    def push(self, version: str, *lines: str) -> str:
        """Build an image as in `release`, and leave it to the registry alone; gives back its identity."""
        before = docker("images", "-q", self.options.reference(version))
        identity = self.release(version, *lines)
        docker("push", "-q", self.options.reference(version))
        if not before:
            docker("rmi", "-f", identity)
        return identity

    def release(self, version: str, *lines: str) -> str:
        """Build an image with these further lines; gives back its identity."""
        text = "\n".join([f"FROM {BASE}", f"LABEL test.service={self.service} test.version={version}", *lines])
        return docker("build", "-q", "-t", self.options.reference(version), "-", given=text)

    def change(self, version: str) -> None:
        """The image of the version is another: the one there was is nowhere any more."""
        self.remove(version)
        self.release(version, "ENV CHANGED=1")

    def remove(self, version: str) -> None:
        docker("rmi", "-f", docker("image", "inspect", "-f", "{{.Id}}", self.options.reference(version)))

    def order(self, instances: int) -> tuple[str, list[str]]:
        """For another comporta: the program that brings the blue slot to so many instances of 1.0.0; 0 stops it."""
        return ANOTHER, [str(self.base), self.service, str(self.spec.blue.first), str(instances)]

    async def crash(self, slot: Slot, index: int) -> None:
        os.kill(await self.pid(slot, index), signal.SIGKILL)

    async def pid(self, slot: Slot, index: int) -> int:
        pid = (await self.runtime.observe(slot)).instances[index - 1].pid
        assert pid is not None
        return pid

    def port(self, slot: Slot, index: int) -> int:
        return self.spec.ports(slot).first + index - 1

    def containers(self, *, running: bool = False) -> list[str]:
        """The ids of the service's containers, as Docker's own client lists them."""
        listed = docker("ps", "-q", *([] if running else ["-a"]), "--filter", f"label=comporta.service={self.service}")
        return listed.split()

    def inspect(self, container: str, template: str) -> str:
        return docker("inspect", "-f", template, container)

    async def ask(self, slot: Slot, index: int) -> dict[str, str]:
        """The environment of the instance, once it listens."""
        deadline = self.clock.monotonic() + 30
        while True:
            try:
                url = f"http://127.0.0.1:{self.port(slot, index)}/cgi-bin/env"
                with urllib.request.urlopen(url, timeout=10) as answer:
                    lines = answer.read().decode().splitlines()
                    return dict(line.split("=", 1) for line in lines if "=" in line)
            except OSError:
                assert self.clock.monotonic() < deadline, "the instance does not answer"
                await self.clock.sleep(0.02)

    async def close(self) -> None:
        """End everything; the test fails if a container survives that."""
        try:
            for slot in Slot:
                await self.runtime.stop(slot)
            assert self.containers() == []
        finally:
            if left := self.containers():
                docker("rm", "-fv", *left)
            self._remove_images()

    def _remove_images(self) -> None:
        """Those that others were built on go in a later round."""
        while images := docker("images", "-q", "--filter", f"label=test.service={self.service}").split():
            subprocess.run(["docker", "rmi", "-f", *set(images)], capture_output=True, check=False, timeout=120)
