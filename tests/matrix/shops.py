"""A site for each runtime and each router that there are, whose deployments wait for as little as is allowed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from comporta.drivers.routers.haproxy_options import HaproxyOptions
from comporta.drivers.routers.nginx_options import NginxOptions
from support.docker_site import DockerSite
from support.docker_world import docker, why_not, why_not_image
from support.haproxy_host import haproxy_host
from support.nginx_container import IMAGE, nginx_container
from support.nginx_host import nginx_host
from support.site import INSTANCES, Site, taken_down

VERSIONS = ("1.0.0", "1.1.0", "1.2.0")
HELPERS = ("supervisor.supervisord", "reaper.py")
WAITS: Mapping[str, Any] = {
    "health": {"timeout": "60s", "interval": "50ms", "checks": [{"name": "page", "path": "/", "timeout": "10s"}]},
    "smoke": [{"name": "read", "run": ["true"]}],
    "blue_green": {"stabilize": "100ms", "final_timeout": "30s", "drain": "5s", "keep_warm": "2h"},
    # Its verdict is what is waited for. How fast this machine answers, with others at work on it, is not judged.
    "canary": {
        "start": "50%",
        "stages": ["100%"],
        "watch": "2m",
        "hold": "100ms",
        "min_hold": "0s",
        "bake": "0s",
        "warm_up": "0s",
        "error_margin": "50%",
        "latency_margin": "50%",
        "latency_floor": "20s",
        "wrong_promotions": "50%",
        "on_inconclusive": "abort",
        "limits": {"latency": None, "latency_above_stable": None},
    },
    "rolling": {"pause": "100ms"},
    "monitoring": "basic",
    "keep_failed": "0s",
}

Proxy = NginxOptions | HaproxyOptions


@dataclass
class Shop(Site):
    """Its instances are processes.

    Attributes:
        existing: where there is a proxy already, what the config says of it.
        post_path: what users send their POST requests to.
        runtime: as the config names it.
    """

    existing: Proxy | None = None
    post_path = "/"
    runtime = "process"

    def write_config(self) -> None:
        command = ["{python}", "-I", "-S", "app.py", "{port}"]
        _write(self, {"directory": "releases/{version}", "command": command, "stop_grace": "3s"})

    def strangers(self, slots: Mapping[str, Any]) -> list[str]:
        return unrecorded_processes(self, slots)


@dataclass
class DockerShop(DockerSite):
    """Its instances are containers, of images that were built before."""

    existing: Proxy | None = None
    images: dict[str, str] = field(default_factory=dict)
    post_path = "/cgi-bin/env"
    runtime = "docker"

    def write_config(self) -> None:
        image = f"{self.service}:{{version}}"
        _write(self, {"image": image, "pull": "never", "port": 3000, "stop_grace": "3s", "host": self.host})

    def add_release(self, version: str, how: str = "well") -> None:
        """With a second name: of what was rolled back, comporta gives up the first, and here it comes again."""
        super().add_release(version, how)
        names = ("-t", f"{self.service}:{version}", "-t", f"{self.service}.kept:{version}")
        docker("build", "-q", *names, str(self.folder / "releases" / version))

    def running(self) -> dict[str, int]:
        """By the engine's own client."""
        return dict(Counter(self.label(container, "comporta.version") for container in self.containers()))

    def strangers(self, slots: Mapping[str, Any]) -> list[str]:
        """Stopped containers too: what comporta is done with, it removes."""
        named = docker("ps", "-a", "--filter", f"label=comporta.service={self.service}", "--format", "{{.Names}}")
        known = {
            f"{self.service}.development.{name}-{index + 1}"
            for name, slot in slots.items()
            for index in range(slot["occupant"]["instances"] if slot.get("occupant") else 0)
        }
        return [*unrecorded_processes(self, slots), *sorted(set(named.split()) - known)]


AnyShop = Shop | DockerShop


def _write(shop: AnyShop, release: dict[str, Any]) -> None:
    blue, green = (f"{first}-{first + 3}" for first in (shop.port + 1, shop.port + 5))
    environment = {
        "domain": f"localhost:{shop.port}",
        "instances": INSTANCES,
        "runtime": shop.runtime,
        "router": shop.router,
        "slots": {"blue": blue, "green": green},
    }
    external = shop.existing.model_dump(mode="json", include={"external"}) if shop.existing else None
    proxy = {"proxy": {shop.router: external}} if external else {}
    service = shop.service if isinstance(shop, DockerShop) else "shop"
    whole = {"service": service, "release": {shop.runtime: release}, **proxy, **WAITS}
    (shop.folder / "comporta.yml").write_text(json.dumps({**whole, "environments": {"development": environment}}))


def unrecorded_processes(shop: AnyShop, slots: Mapping[str, Any]) -> list[str]:
    """The shop's processes that no record names: neither the proxy, nor an instance, nor the helper of a slot.

    Args:
        slots: as `comporta status --json` has them.
    """
    occupants = [slot["occupant"] for slot in slots.values() if slot.get("occupant")]
    # One that waited for the end of a warm slot may be there still when the slot serves again.
    helpers = Counter(dict.fromkeys(HELPERS, len(occupants)))
    instances = {instance.get("pid") for slot in slots.values() for instance in slot.get("instances", ())}
    found = []
    for line in shop.leftovers():
        pid, _, words = line.partition(": ")
        helper = next((name for name in HELPERS if name in words), "")
        if int(pid) in instances or shop.router in words.partition(" ")[0]:
            continue
        if not helpers[helper]:
            found.append(line)
        helpers[helper] -= bool(helpers[helper])
    return found


RUNTIMES: Mapping[str, type[Shop] | type[DockerShop]] = {"process": Shop, "docker": DockerShop}
ROUTERS = {
    "nginx": ("process", "docker"),
    "haproxy": ("process", "docker"),
    "nginx-external": ("process",),
    "nginx-container": ("docker",),
    "haproxy-external": ("process", "docker"),
}
"""The drivers, each with a proxy of comporta's own and with one that was there before, and the runtimes of each: an
nginx that was there is a process beside processes, and a container beside containers."""


def why_without(runtime: str, router: str) -> str:
    """Why there is no such site on this machine; empty if there may be one."""
    if runtime == "docker" and (cause := why_not()):
        return cause
    return why_not_image(IMAGE, "scripts/docker_images.sh") if router == "nginx-container" else ""


@contextmanager
def shop(base: Path, runtime: str, router: str) -> Iterator[AnyShop]:
    """A site in a folder of its own, which is taken down at the end with a check that nothing is left of it."""
    folder = base / "shop"
    folder.mkdir()
    with _proxy(base, folder, router) as proxy:
        made = RUNTIMES[runtime](folder, router=router.partition("-")[0], existing=proxy)
        try:
            with taken_down(made):
                yield made
        finally:
            if isinstance(made, DockerShop):
                if left := made.containers():
                    docker("rm", "-fv", *left)
                made.remove_images()


@contextmanager
def _proxy(base: Path, folder: Path, router: str) -> Iterator[Proxy | None]:
    if router == "nginx-external":
        with nginx_host(base / "proxy") as nginx:
            yield nginx.options
    elif router == "nginx-container":
        home = folder / ".comporta" / "development" / "nginx"
        with nginx_container(base / "proxy", home, "--network", "host") as options:
            yield options
    elif router == "haproxy-external":
        with haproxy_host() as haproxy:
            yield haproxy.options
    else:
        yield None
