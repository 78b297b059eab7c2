"""The demonstration with containers: images, accessories for them, and an nginx in a container where that is wanted."""

from __future__ import annotations

import ipaddress
import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from comporta.demo.accessories import accessories
from comporta.demo.stage import Setting
from comporta.model.errors import ComportaError, MissingTool

BASE = "comporta-demo/conversormpp-base:1"
NGINX = "comporta-demo/nginx:1"
"""Made by scripts/docker_images.sh of Debian packages, or built here where a registry can be reached."""
IN_CONTAINER = "nginx-container"
"""Among the routers: an nginx that is there already, in a container."""
RELEASE = """\
  docker:
    image: "{service}:{{version}}"
    build: {{context: "releases/{{version}}", args: {{BASE: {base}}}}}
    port: 3000
    host: {gateway}
    volumes: ["{service}:/data"]
    stop_grace: 25s"""
PROXY = """\
proxy:
  nginx:
    external:
      directory: {directory}
      test: [docker, exec, {name}, nginx, -t]
      reload: [docker, exec, {name}, nginx, -s, reload]
"""
NGINX_FILE = "FROM nginx:stable\nRUN rm /etc/nginx/conf.d/*\n"


@contextmanager
def containers(folder: Path, example: Path, router: str) -> Iterator[Setting]:
    """Instances are containers, with real servers beside them. Images, volume and nginx go away with the block.

    Raises:
        MissingTool: Docker, a server or an image is not there.
    """
    service = f"conversormpp-{secrets.token_hex(4)}"
    _require_image(BASE, "-f", str(example / "base.Dockerfile"), str(example))
    with ExitStack() as stack:
        stack.callback(_clear, service)
        folder.chmod(0o711)  # PostgreSQL's user goes through it
        gateway = _gateway()
        environment = stack.enter_context(accessories(folder, gateway))
        (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
        (folder / ".env").chmod(0o600)
        further = "    env_file: .env\n"
        if router == IN_CONTAINER:
            further += stack.enter_context(_nginx(folder, f"{service}-nginx"))
        yield Setting(
            runtime="docker",
            # On the loopback, Docker's own proxy would accept requests for an instance that does not listen yet.
            release=RELEASE.format(service=service, base=json.dumps(BASE), gateway=json.dumps(gateway)),
            router="nginx" if router == IN_CONTAINER else router,
            service=service,
            patience="60s",
            further=further,
        )


@contextmanager
def _nginx(folder: Path, name: str) -> Iterator[str]:
    """One that is there before comporta; gives back how the config says so."""
    _require_image(NGINX, "-", given=NGINX_FILE)
    config, router = folder / "nginx", folder / ".comporta" / "development" / "nginx"
    for place in (config, router):
        place.mkdir(parents=True)
    volumes = ("-v", f"{config}:/etc/nginx/conf.d:ro", "-v", f"{router}:{router}")
    _docker("run", "-d", "--rm", "--name", name, "--network", "host", *volumes, NGINX)
    try:
        yield PROXY.format(directory=json.dumps(str(config)), name=name)
    finally:
        _docker("stop", name)


def _require_image(tag: str, *build: str, given: str | None = None) -> None:
    """Build it, unless it is here."""
    if _try("image", "inspect", tag).returncode == 0:
        return
    built = _try("build", "-t", tag, *build, given=given)
    if built.returncode:
        raise MissingTool(
            f"cannot run the demo with containers: there is no image {tag}, and it cannot be built: "
            f"{built.stderr.strip().splitlines()[-1]}",
            next="scripts/docker_images.sh makes it without a registry",
        )


def _gateway() -> str:
    """This machine's address in Docker's own network: its first. An engine names it only from its second start on."""
    subnet = _docker("network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Subnet}}").strip()
    return str(ipaddress.ip_network(subnet)[1])


def _clear(service: str) -> None:
    """What `comporta down` leaves: images, and the volume."""
    _try("volume", "rm", service)
    for name in (service, f"comporta/{service}.development"):
        tags = _docker("images", "-q", "--filter", f"reference={name}", "--format", "{{.Repository}}:{{.Tag}}").split()
        if tags:
            _try("rmi", *tags)


def _docker(*words: str) -> str:
    done = _try(*words)
    if done.returncode:
        raise ComportaError(f"cannot run the demo with containers: `docker {words[0]}`: {done.stderr.strip()}")
    return done.stdout


def _try(*words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    if shutil.which("docker") is None:
        raise MissingTool("cannot run the demo with containers: there is no docker", next="install Docker's client")
    return subprocess.run(["docker", *words], input=given, capture_output=True, text=True, check=False)
