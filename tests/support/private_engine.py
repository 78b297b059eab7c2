"""A Docker Engine of a test's own: it can be stopped, and reached in every way."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from comporta.load.free_ports import free_ports
from support.docker_world import BASE, docker, need_engine


class PrivateEngine:
    """Has its own images, containers and network.

    Args:
        certificates: it also listens on TCP with TLS.
        namespace: the network namespace that it lives in, if it is to have one of its own.
    """

    def __init__(
        self, folder: Path, *, live_restore: bool = False, certificates: Path | None = None, namespace: str = ""
    ) -> None:
        self.folder = folder
        self.socket = folder / "docker.sock"
        self.port = free_ports(1)
        self.bridge = f"ct{os.urandom(4).hex()}"
        self._certificates = certificates
        self._namespace = namespace
        self._live_restore = live_restore
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Returns once it answers."""
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(self._command(), stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def _answers(self) -> bool:
        # One that hangs lets its client wait for ever, also where a test is cleaning up and its own timeout is spent.
        asked = ["timeout", "20", "docker", "-H", self.url, "version"]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0

    @property
    def ending(self) -> list[str]:
        """The command that ends it, in the middle of whatever it does."""
        assert self._process is not None
        return ["kill", str(self._process.pid)]

    def stop(self) -> None:
        """Its containers end with it, unless it is to restore them alive."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=60)
            self._process = None

    def revive(self) -> None:
        """Wait until somebody has ended it, and start it again."""
        assert self._process is not None
        self._process.wait(timeout=120)
        self.start()

    def connect_bridge(self) -> None:
        """With an address of its own: else it takes that of a container, and when that one ends, the others answer
        into the void until they ask anew who their gateway is.
        """
        subnet = f"172.{os.urandom(1)[0] % 8 + 22}.{os.urandom(1)[0]}.1/24"
        address = os.urandom(5).hex(":")
        made = ["link", "add", self.bridge, "address", f"02:{address}", "type", "bridge"]
        for words in (made, ["addr", "add", subnet, "dev", self.bridge]):
            subprocess.run([*self._ip, *words], check=True, capture_output=True)

    def close(self) -> None:
        """Nothing of it is left: no process, no mount, no bridge."""
        if self._process is None:
            self.start()
        if left := docker("-H", self.url, "ps", "-aq").split():
            docker("-H", self.url, "rm", "-fv", *left)
        self.stop()
        # With containers to restore it leaves a mount of its folder onto itself.
        for words in ([*self._ip, "link", "del", self.bridge], ["umount", str(self.folder / "data")]):
            subprocess.run(words, check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _ip(self) -> list[str]:
        return ["ip", "-n", self._namespace] if self._namespace else ["ip"]

    def _command(self) -> list[str]:
        inside = ["nsenter", f"--net=/run/netns/{self._namespace}"] if self._namespace else []
        words = [
            *inside, "dockerd", "--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "run"),
            "--pidfile", str(self.folder / "pid"), "-H", self.url, "--bridge", self.bridge, "--iptables=false",
            "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
        ]  # fmt: skip
        if self._live_restore:
            words.append("--live-restore")
        if folder := self._certificates:
            words += ["-H", f"tcp://127.0.0.1:{self.port}", "--tlsverify", "--tlscacert", str(folder / "ca.pem")]
            words += ["--tlscert", str(folder / "server.pem"), "--tlskey", str(folder / "server-key.pem")]
        return words


@contextmanager
def private_engine(**options: Any) -> Iterator[PrivateEngine]:
    """One that runs, and has the image that tests build on."""
    need_engine()
    if os.geteuid() != 0:
        pytest.skip("only root can start a Docker Engine")
    # Directly under /tmp: the path of a socket has at most 107 bytes.
    engine = PrivateEngine(Path(tempfile.mkdtemp(prefix="ct")), **options)
    try:
        engine.connect_bridge()
        engine.start()
        image = subprocess.run(["docker", "save", BASE], check=True, capture_output=True).stdout
        subprocess.run(["docker", "-H", engine.url, "load"], input=image, check=True, capture_output=True)
        yield engine
    finally:
        engine.close()
