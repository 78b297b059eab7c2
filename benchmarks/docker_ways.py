"""Three ways to change the version of a service in containers, for docker_rivals.py, and what they share.

`prepared` makes the stage and takes it down; a `Way` is `up` for a block, and its `deploy` comes back when it is done.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import click

from comporta.load.free_ports import free_ports

EXAMPLE = Path(__file__).parents[1] / "examples" / "conversormpp"
BASE, NGINX = "comporta-demo/conversormpp-base:1", "comporta-demo/nginx:1"
FIRST, GOOD, NEVER_HEALTHY, ERRORS = "1.0.0", "1.1.0", "1.1.1-broken", "1.2.0-errors"
INSTANCES = 2
HEALTH = ("/health", "/api/health/database", "/api/health/storage", "/api/health/queue")
PATIENCE, LOOK, DRAIN, START_SLEEP = 30, 10, 20, 15
"""Seconds for health, after the switch, and for requests in flight. The runbook has 300, 30, 60, and a sleep of 45."""
GRACE = 25

CONFIG = """\
service: {service}
release:
  docker:
    image: "{service}:{{version}}"
    pull: never
    port: 3000
    host: {gateway}
    volumes: ["{service}:/data"]
    stop_grace: {grace}s
health:
  timeout: {patience}s
  interval: 500ms
  checks:
{checks}
blue_green: {{stabilize: {look}s, drain: {drain}s, keep_warm: 0s}}
environments:
  development:
    domain: "localhost:{port}"
    instances: {instances}
    runtime: docker
    monitoring: basic
    keep_failed: 0s
    slots: {{blue: {blue}-{blue_last}, green: {green}-{green_last}}}
"""
PROXY = """\
{upstream}
server {{
    listen {listen};
    {resolver}
    client_max_body_size 50m;
    location / {{
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        {target}
    }}
}}
"""
CHECK = (
    "import sys, urllib.request as u; [u.urlopen('http://127.0.0.1:3000' + path, timeout=9) for path in sys.argv[1:]]"
)


@dataclass
class Stage:
    """What all three share: a folder, names of its own, ports, and this machine's address in Docker's network."""

    folder: Path
    service: str
    gateway: str

    def __post_init__(self) -> None:
        self.port = free_ports(1 + 2 * INSTANCES)

    def image(self, version: str) -> str:
        return f"{self.service}:{version}"

    def run(self, name: str, port: int, version: str) -> list[str]:
        published = ["-p", f"{self.gateway}:{port}:3000", "-v", f"{self.service}:/data"]
        return ["run", "-d", "--name", name, *published, self.image(version)]


class Way:
    """One way to change versions. `up` is there for a block; `deploy` comes back when it is done, or undone."""

    name: str
    said = ""
    """What the command of the last deployment said, where it is one command."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def deploy(self, version: str) -> None:
        raise NotImplementedError

    def up(self) -> AbstractAsyncContextManager[None]:
        raise NotImplementedError


class Comporta(Way):
    name = "comporta, runtime `docker`"

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        stage, port = self.stage, self.stage.port
        blue, green = port + 1, port + 1 + INSTANCES
        checks = [f"    - {{name: c{n}, path: {path}, expect: {{status: ok}}}}" for n, path in enumerate(HEALTH)]
        config = CONFIG.format(
            service=stage.service, gateway=stage.gateway, grace=GRACE, patience=PATIENCE, look=LOOK, drain=DRAIN,
            port=port, instances=INSTANCES, checks="\n".join(checks),
            blue=blue, blue_last=green - 1, green=green, green_last=green + INSTANCES - 1,
        )  # fmt: skip
        (stage.folder / "comporta.yml").write_text(config)
        try:
            yield
        finally:
            self._down()

    async def deploy(self, version: str) -> None:
        _, self.said = await call(*self._command("deploy", version, "--yes"), cwd=self.stage.folder)

    def _down(self) -> None:
        subprocess.run(self._command("down", "--yes"), cwd=self.stage.folder, capture_output=True, check=False)

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "comporta.main", *words]


class Script(Way):
    """`blue-green-deploy.ps1` of the runbook, step by step: run, sleep, health, switch, sleep, look, sleep, stop."""

    name = "`docker` script"

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        stage = self.stage
        self._config = stage.folder / "script" / "default.conf"
        self._config.parent.mkdir()
        self._proxy, self._live = f"{stage.service}-nginx", ""
        try:
            yield
        finally:
            remove_containers(stage)

    async def deploy(self, version: str) -> None:
        new = "green" if self._live == "blue" else "blue"
        await asyncio.gather(*(docker(*self.stage.run(*at, version)) for at in self._places(new)))
        await asyncio.sleep(START_SLEEP)
        if not await healthy([port for _, port in self._places(new)], self.stage.gateway):
            await self._stop(new)
            return
        old, self._live = self._live, new
        await self._switch(new)
        await asyncio.sleep(LOOK)
        if not await healthy([self.stage.port], "127.0.0.1"):
            await self._switch(old)
            await self._stop(new)
            self._live = old
            return
        if old:
            await asyncio.sleep(DRAIN)
            await self._stop(old)

    def _places(self, slot: str) -> list[tuple[str, int]]:
        first = self.stage.port + 1 + INSTANCES * (slot == "green")
        return [(f"{self.stage.service}-{slot}-{n}", first + n) for n in range(INSTANCES)]

    async def _switch(self, slot: str) -> None:
        servers = " ".join(f"server {self.stage.gateway}:{port};" for _, port in self._places(slot))
        upstream = f"upstream backend {{ {servers} keepalive 16; }}"
        listen = f"127.0.0.1:{self.stage.port}"
        text = PROXY.format(upstream=upstream, listen=listen, resolver="", target="proxy_pass http://backend;")
        self._config.write_text(text)
        if await docker("exec", self._proxy, "nginx", "-s", "reload", check=False):
            volume = f"{self._config.parent}:/etc/nginx/conf.d:ro"
            await docker("run", "-d", "--name", self._proxy, "--network", "host", "-v", volume, NGINX)

    async def _stop(self, slot: str) -> None:
        names = [name for name, _ in self._places(slot)]
        await docker("stop", "-t", str(GRACE), *names)
        await docker("rm", "-v", *names)


class Swarm(Way):
    """`docker service update`, start-first, health checked by the engine, rolled back by itself where a task fails.

    Behind an nginx that asks the swarm's names for each second's tasks: the swarm's own load balancing needs IPVS in
    the kernel, which not every machine has.
    """

    name = "Docker Swarm, start-first"

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        stage, had_bridge = self.stage, out("network", "ls", "-q", "-f", "name=docker_gwbridge")
        self._network, self._proxy, self._there = f"{stage.service}-net", f"{stage.service}-nginx", False
        await docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        try:
            await docker("network", "create", "-d", "overlay", "--attachable", self._network)
            yield
        finally:
            remove_containers(stage)
            try_out("service", "rm", stage.service)
            try_out("swarm", "leave", "--force")
            remove_containers(stage)
            if not had_bridge:
                try_out("network", "rm", "docker_gwbridge")

    async def deploy(self, version: str) -> None:
        if self._there:
            await docker("service", "update", "--quiet", "--image", self.stage.image(version), self.stage.service,
                         check=False)  # fmt: skip
            return
        health = f'python3 -c "{CHECK}" {" ".join(HEALTH)}'
        await docker(
            "service", "create", "--quiet", "--name", self.stage.service, "--replicas", str(INSTANCES),
            "--network", self._network, "--endpoint-mode", "dnsrr", "--no-resolve-image",
            "--mount", f"type=volume,source={self.stage.service},target=/data",
            "--label", f"rivals={self.stage.service}", "--container-label", f"rivals={self.stage.service}",
            "--stop-grace-period", f"{GRACE}s", "--health-cmd", health, "--health-interval", "2s",
            "--health-timeout", "10s", "--health-start-period", f"{PATIENCE}s", "--health-retries", "3",
            "--update-order", "start-first", "--update-monitor", f"{LOOK}s", "--update-failure-action", "rollback",
            "--rollback-order", "start-first", self.stage.image(version),
        )  # fmt: skip
        self._there = True
        target = f"set $tasks {self.stage.service}; proxy_pass http://$tasks:3000;"
        text = PROXY.format(upstream="", listen=80, resolver="resolver 127.0.0.11 valid=1s;", target=target)
        folder = self.stage.folder / "swarm"
        folder.mkdir()
        (folder / "default.conf").write_text(text)
        published = ("-p", f"127.0.0.1:{self.stage.port}:80", "-v", f"{folder}:/etc/nginx/conf.d:ro")
        await docker("run", "-d", "--name", self._proxy, "--network", self._network, *published, NGINX)


async def healthy(ports: list[int], host: str, *, every: float = 1.0) -> bool:
    """Every instance passes every check within the patience that all have."""
    until = time.monotonic() + PATIENCE
    while not all(await asyncio.gather(*(asyncio.to_thread(is_well, f"http://{host}:{port}") for port in ports))):
        if time.monotonic() > until:
            return False
        await asyncio.sleep(every)
    return True


def is_well(url: str) -> bool:
    try:
        answers = [json.load(urllib.request.urlopen(url + path, timeout=10)) for path in HEALTH]
    except (OSError, ValueError):
        return False
    return all(answer["status"] == "ok" for answer in answers)


# Docker, and what was made with it


async def call(*words: str, cwd: Path | None = None, check: bool = False) -> tuple[int, str]:
    """Exit code and output of a program, in a group of its own, so that Ctrl-C reaches it only through us."""
    process = await asyncio.create_subprocess_exec(
        *words, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True
    )
    try:
        printed, _ = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if check and process.returncode:
        raise click.ClickException(f"{' '.join(words)}: {printed.decode()}")
    return process.returncode or 0, printed.decode()


async def docker(*words: str, check: bool = True) -> int:
    code, _ = await call("docker", *words, check=check)
    return code


def out(*words: str, given: str | None = None) -> str:
    done = subprocess.run(["docker", *words], input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"docker {' '.join(words)}: {done.stderr}")
    return done.stdout.strip()


def try_out(*words: str) -> None:
    with suppress(click.ClickException):
        out(*words)


def remove_containers(stage: Stage) -> None:
    """All of this run: by their image, however they came about, and the proxies by their name."""
    for wanted in (f"name={stage.service}-", f"label=rivals={stage.service}"):
        if left := out("ps", "-aq", "--filter", wanted).split():
            try_out("rm", "-fv", *left)


@contextmanager
def prepared() -> Iterator[Stage]:
    """A stage with the images of all versions; nothing of it is left."""
    for image in (BASE, NGINX):
        out("image", "inspect", image)
    if out("info", "-f", "{{.Swarm.LocalNodeState}}") != "inactive":
        raise click.ClickException("this machine is in a swarm: leave it, or measure on another one")
    # Its first address: an engine names the gateway itself only from its second start on.
    subnet = out("network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Subnet}}")
    with tempfile.TemporaryDirectory(prefix="comporta-rivals-") as name:
        stage = Stage(Path(name), f"rivals-{secrets.token_hex(4)}", str(ipaddress.ip_network(subnet)[1]))
        try:
            for version in (FIRST, GOOD, NEVER_HEALTHY, ERRORS):
                folder = stage.folder / "releases" / version
                subprocess.run([sys.executable, str(EXAMPLE / "make_release.py"), version, str(folder)], check=True)
                out("build", "-q", "-t", stage.image(version), "--build-arg", f"BASE={BASE}", str(folder))
            yield stage
        finally:
            remove_containers(stage)
            for name in (stage.service, f"comporta/{stage.service}.development"):
                if tags := out("images", name, "--format", "{{.Repository}}:{{.Tag}}").split():
                    try_out("rmi", *tags)
            try_out("volume", "rm", stage.service)
