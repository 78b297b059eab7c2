"""An nginx in a container, as an operator has one: its config on a volume, the router's folder at the same path."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from comporta.drivers.routers.nginx_options import ExternalNginx, NginxOptions
from support.docker_world import docker, why_not_image

IMAGE = "comporta-demo/nginx:1"
"""Made by scripts/docker_images.sh."""


@contextmanager
def nginx_container(folder: Path, router: Path, *words: str) -> Iterator[NginxOptions]:
    """One that runs, and the options with which comporta uses it.

    Args:
        folder: for its config.
        router: the folder of the router in the state directory.
        words: further ones for `docker run`, such as the network.
    """
    if cause := why_not_image(IMAGE, "scripts/docker_images.sh"):
        pytest.skip(cause)
    name = f"nginx-{secrets.token_hex(5)}"
    config = folder / "conf.d"
    config.mkdir(parents=True)
    router.mkdir(parents=True)
    volumes = ("-v", f"{config}:/etc/nginx/conf.d:ro", "-v", f"{router}:{router}")
    docker("run", "-d", "--name", name, *volumes, *words, IMAGE)
    try:
        command = ("docker", "exec", name, "nginx")
        external = ExternalNginx(directory=config, test=(*command, "-t"), reload=(*command, "-s", "reload"))
        yield NginxOptions(external=external)
    finally:
        docker("rm", "-fv", name)


def gateway() -> str:
    """This machine's address in Docker's own network: where its containers reach it.

    An engine names it only from its second start on; it is the first one of the network.
    """
    subnet = docker("network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Subnet}}")
    return str(ipaddress.ip_network(subnet)[1])
