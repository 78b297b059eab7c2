"""A site whose releases are images that comporta builds, and whose instances are containers."""

from __future__ import annotations

import http.client
import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from comporta.drivers.routers.nginx_options import NginxOptions
from support.docker_world import BASE, docker, need_engine
from support.site import Site, taken_down

CONFIG = """\
service: {service}
release:
  docker:
    image: "{service}:{{version}}"
    build: {{context: "releases/{{version}}"}}
    port: 3000
    stop_grace: 3s
{further}health:
  timeout: 10s
  interval: 50ms
  checks: [{{name: page, path: /, timeout: 2s}}]
blue_green: {{stabilize: 200ms, final_timeout: 5s, drain: 5s, keep_warm: {keep_warm}}}
environments:
  development:
    domain: "localhost:{port}"
    instances: 2
    runtime: docker
    router: nginx
    keep_failed: {keep_failed}
    slots: {{blue: {blue}, green: {green}}}
{proxy}"""

HOW = {
    "well": "",
    "unhealthy": "HEALTHCHECK --interval=1s --retries=2 CMD ! echo no database",
    "crashing": 'CMD ["sh", "-c", "echo cannot find the settings; exit 7"]',
    "unbuildable": "RUN echo no compiler here; exit 9",
}


@dataclass
class DockerSite(Site):
    """`comporta` runs the real command in it. The service's name is used by nobody else.

    Attributes:
        proxy: where there is an nginx already, what the config says about it.
        host: the address that instances are published on.
        further: what else stands under `release.docker`, instead of that.
    """

    host: str = "127.0.0.1"
    proxy: NginxOptions | None = None
    service: str = field(default_factory=lambda: f"t{secrets.token_hex(5)}")
    further: str = ""

    def write_config(self) -> None:
        blue, green = (f"{first}-{first + 3}" for first in (self.port + 1, self.port + 5))
        kept = {"keep_warm": self.keep_warm, "keep_failed": self.keep_failed}
        further = f"    {self.further}\n" if self.further else f"    host: {self.host}\n"
        proxy = f"proxy: {{nginx: {self.proxy.model_dump_json(include={'external'})}}}\n" if self.proxy else ""
        text = CONFIG.format(
            service=self.service, port=self.port, blue=blue, green=green, further=further, proxy=proxy, **kept
        )
        (self.folder / "comporta.yml").write_text(text)

    def add_release(self, version: str, how: str = "well") -> None:
        place = self.folder / "releases" / version
        place.mkdir(parents=True)
        (place / "index.html").write_text(version)
        (place / "Dockerfile").write_text(
            f"FROM {BASE}\nLABEL test.service={self.service}\nCOPY index.html /www/\n{HOW[how]}\n"
        )

    def containers(self) -> list[str]:
        return docker("ps", "-aq", "--filter", f"label=comporta.service={self.service}").split()

    def label(self, container: str, name: str) -> str:
        return docker("inspect", "-f", f'{{{{index .Config.Labels "{name}"}}}}', container)

    def remove_images(self) -> None:
        while images := docker("images", "-q", "--filter", f"label=test.service={self.service}").split():
            subprocess.run(["docker", "rmi", "-f", *set(images)], capture_output=True, check=False, timeout=120)


@contextmanager
def docker_site(folder: Path, *, host: str = "127.0.0.1", proxy: NginxOptions | None = None) -> Iterator[DockerSite]:
    """One that is taken down at the end, with a check that nothing is left of it."""
    need_engine()
    with taken_down(DockerSite(folder, host=host, proxy=proxy)) as made:
        yield made
    try:
        assert made.containers() == []
    finally:
        if left := made.containers():
            docker("rm", "-fv", *left)
        made.remove_images()


@dataclass
class Reader:
    """Somebody who reads the page all the time, and remembers what it said and what went wrong."""

    port: int
    pages: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Reader:
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._enough.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._enough.wait(0.005):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                connection.request("GET", "/")
                response = connection.getresponse()
                page = response.read().decode()
            except OSError as error:
                self.failures.append(repr(error))
                continue
            finally:
                connection.close()
            if response.status == 200:
                self.pages.add(page)
            else:
                self.failures.append(f"{response.status}: {page}")
