"""Runs releases of examples/conversormpp in process groups of their own, as comporta's process runtime does."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import psutil

ROOT = Path(__file__).parents[2]
REAL_FILES = Path(os.environ.get("CONVERSORMPP_SAMPLES", ROOT.parent / "shared/data/mpp"))
"""Where files of Microsoft Project are, which cannot be part of this repository."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(ready: Callable[[], Any], what: str, timeout: float = 60.0) -> Any:
    """The first true value of `ready`; the timeout (in seconds) only ends a test that hangs."""
    deadline = time.monotonic() + timeout
    while not (value := ready()):
        assert time.monotonic() < deadline, f"{what}: not within {timeout:g} s"
        time.sleep(0.05)
    return value


class Instance:
    """One web instance of a release, listening."""

    def __init__(self, release: Path, data: Path, log: Path, environment: dict[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        command = [sys.executable, "-m", "conversormpp", "--port", str(self.port)]
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("FAULT_", "PYTHONPATH"))}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=release, env={**clean, "DATA_DIR": str(data), **environment},
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        until(self._listens, f"{release.name} listens")
        self.client = httpx2.Client(base_url=self.url, timeout=60)

    def _listens(self) -> bool:
        assert self.process.poll() is None, f"the instance ended with {self.process.returncode}: {self.log}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def log(self) -> str:
        return self._log.read_text()

    def get(self, path: str) -> httpx2.Response:
        return self.client.get(path)

    def post(self, path: str, name: str, content: bytes, format: str = "json") -> httpx2.Response:
        return self.client.post(path, files={"file": (name, content)}, data={"format": format})

    def submit(self, name: str, content: bytes, format: str = "json") -> str:
        """Start a conversion; its URL."""
        answer = self.post("/api/conversions", name, content, format)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["url"])

    def finished(self, url: str) -> dict[str, Any]:
        """The conversion when it is done or failed."""
        return dict(until(lambda: self._if_finished(url), f"{url} is finished"))

    def _if_finished(self, url: str) -> dict[str, Any] | None:
        job = self.get(url).json()
        return job if job["status"] in ("done", "failed") else None

    def convert(self, name: str, content: bytes, format: str) -> bytes:
        url = self.submit(name, content, format)
        job = self.finished(url)
        assert job["status"] == "done", job
        return self.get(f"{url}/result").content

    def workers(self) -> list[psutil.Process]:
        """The worker processes that this instance has started."""
        return [child for child in psutil.Process(self.process.pid).children() if child.is_running()]

    def stop(self) -> int:
        """SIGTERM to the whole group, as the process runtime stops an instance; its exit code."""
        os.killpg(self.process.pid, signal.SIGTERM)
        return self.process.wait(40)

    def kill(self) -> None:
        """SIGKILL to whatever is left of the group."""
        self.client.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
