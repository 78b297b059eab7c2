"""Another machine, as far as a network can tell: an engine and an OpenSSH server in a namespace of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.docker_world import docker, need_engine
from support.private_engine import PrivateEngine, private_engine
from support.ssh_server import ssh_server

CLOSED_PORT = 9  # discard: nobody has that any more


@dataclass
class Link:
    """The cable between this machine and the namespace."""

    namespace: str
    here: str
    there: str

    @property
    def inside(self) -> list[str]:
        """Runs a program in the namespace."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}"]

    @property
    def cutting(self) -> list[str]:
        """The command that pulls the plug over there."""
        return ["ip", "-n", self.namespace, "link", "set", "up0", "down"]

    def mend(self) -> None:
        """Plug it in again. Who asked meanwhile has left word that nobody is there, which holds for a second or two."""
        ip("-n", self.namespace, "link", "set", "up0", "up")
        deadline = time.monotonic() + 30
        while not self._refuses():
            assert time.monotonic() < deadline, f"{self.there} is not there again"
            time.sleep(0.1)

    def _refuses(self) -> bool:
        """Whether somebody is there, who says that nobody listens."""
        try:
            socket.create_connection((self.there, CLOSED_PORT), timeout=1).close()
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        raise AssertionError("nobody was to listen there")


@dataclass
class TwoHosts:
    """This machine's engine and another's, both behind OpenSSH.

    Attributes:
        programs: for the front of PATH: an `ssh` that needs no question.
        urls, addresses: of both, this machine first.
    """

    engine: PrivateEngine
    link: Link
    programs: Path
    urls: tuple[str, str]
    addresses: tuple[str, str]

    @property
    def written(self) -> str:
        """For `hosts:` in a config."""
        pairs = zip(self.urls, self.addresses, strict=True)
        return ", ".join(f'{{engine: "{url}", address: "{address}"}}' for url, address in pairs)

    def containers(self, service: str) -> list[list[str]]:
        """The names of the service's containers that run, by host."""
        words = ["ps", "--format", "{{.Names}}", "--filter", f"label=comporta.service={service}"]
        return [sorted(docker(*where, *words).split()) for where in ([], ["-H", self.engine.url])]


@contextmanager
def two_hosts(folder: Path) -> Iterator[TwoHosts]:
    need_engine()
    if os.geteuid() != 0 or not shutil.which("nsenter") or not shutil.which("ip"):
        pytest.skip("only root can make a network namespace, with `ip` and `nsenter`")
    with ExitStack() as stack:
        link = stack.enter_context(namespace())
        engine = stack.enter_context(private_engine(namespace=link.namespace))
        ssh = []
        for name, address, inside in (("here", "127.0.0.1", []), ("there", link.there, link.inside)):
            (folder / name).mkdir()
            ssh.append(stack.enter_context(ssh_server(folder / name, address=address, inside=inside)))
        (port, programs), (there, _) = ssh
        with (folder / "here" / "ssh_config").open("a") as file:
            file.write((folder / "there" / "ssh_config").read_text())
        urls = (f"ssh://root@127.0.0.1:{port}", f"ssh://root@{link.there}:{there}{engine.socket}")
        yield TwoHosts(engine, link, programs, urls, ("127.0.0.1", link.there))


@contextmanager
def namespace() -> Iterator[Link]:
    """One that is joined to this machine by a pair of interfaces, with a network of two addresses."""
    name, end = f"ct{os.urandom(4).hex()}", f"ct{os.urandom(4).hex()}"
    net = f"10.{os.urandom(1)[0] % 50 + 200}.{os.urandom(1)[0]}"
    link = Link(name, f"{net}.1", f"{net}.2")
    ip("netns", "add", name)
    try:
        ip("link", "add", end, "type", "veth", "peer", "name", "up0", "netns", name)
        for where, device, address in (([], end, link.here), (["-n", name], "up0", link.there)):
            ip(*where, "addr", "add", f"{address}/30", "dev", device)
            ip(*where, "link", "set", device, "up")
        ip("-n", name, "link", "set", "lo", "up")
        yield link
    finally:
        # Its end of the pair goes with it, and ours with that.
        ip("netns", "del", name)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
