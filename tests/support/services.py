"""A tiny real service, and a process runtime that runs it on free ports."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from comporta.drivers.runtimes.process import ProcessRuntime
from comporta.drivers.runtimes.process_members import is_alive, members
from comporta.drivers.runtimes.process_options import ProcessOptions
from comporta.drivers.runtimes.process_seat import Seat, seat_of
from comporta.drivers.system_clock import SystemClock
from comporta.model.spec import EnvironmentSpec, PortRange
from comporta.model.traffic import Slot
from support import specs

SERVICE = """\
import http.server, json, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"env": dict(os.environ), "cwd": os.getcwd(), "argv": sys.argv[1:]}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass

http.server.HTTPServer.allow_reuse_address = True
server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
print("serving", os.environ["PORT"], flush=True)
server.serve_forever()
"""


INSTANCES = 3
"""Ports of each slot."""


@dataclass
class PlainSecrets:
    """Implements the Secrets port."""

    values: dict[str, str] = field(default_factory=dict)
    env_file: Mapping[str, str] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        return re.sub(r"\$\{(\w+)\}", lambda match: self.values[match[1]], text)

    def redact(self, text: str) -> str:
        return text


class ProcessWorld:
    """A service with the versions 1.0.0 and 1.1.0, in one environment."""

    def __init__(
        self, base: Path, environment: str = "test", *, ports: tuple[int, int] | None = None, **options: Any
    ) -> None:
        self.base = base
        self.clock = SystemClock()
        self.secrets = PlainSecrets()
        blue, green = (port_range(first) for first in ports or (free_ports(), free_ports()))
        self.spec: EnvironmentSpec = specs.spec(
            base=str(base), state=str(base / ".comporta"), environment=environment, blue=blue, green=green
        )
        self.options = ProcessOptions(**{"command": ["{python}", "service.py"], **options})
        for version in ("1.0.0", "1.1.0"):
            # What stands there already is what another comporta uses.
            if not (base / "releases" / version).exists():
                self.release(version, SERVICE)
        self.runtime = ProcessRuntime(self.spec, self.options, self.clock, self.secrets, retries=2)

    def release(self, version: str, code: str) -> Path:
        folder = self.base / "releases" / version
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "service.py").write_text(code)
        (folder / "VERSION").write_text(version)
        return folder

    def change(self, version: str) -> None:
        (self.base / "releases" / version / "service.py").write_text("changed")

    def remove(self, version: str) -> None:
        shutil.rmtree(self.base / "releases" / version)

    async def crash(self, slot: Slot, index: int) -> None:
        os.kill(await self.pid(slot, index), signal.SIGKILL)

    async def pid(self, slot: Slot, index: int) -> int:
        pid = (await self.runtime.observe(slot)).instances[index - 1].pid
        assert pid is not None
        return pid

    def seat(self, slot: Slot) -> Seat:
        return seat_of(self.spec, slot)

    def members(self) -> list[psutil.Process]:
        return [process for slot in Slot for process in members(self.seat(slot))]

    def supervisord(self, slot: Slot) -> psutil.Process:
        return psutil.Process(int((self.seat(slot).path / "supervisord.pid").read_text()))

    async def kill_supervisord(self, slot: Slot, instances: int) -> None:
        """Kill it once so many instances answer: one that is still being launched needs it."""
        for index in range(1, instances + 1):
            await self.ask(slot, index)
        process = self.supervisord(slot)
        process.kill()
        while is_alive(process):
            await self.clock.sleep(0.01)

    def port(self, slot: Slot, index: int) -> int:
        return self.spec.ports(slot).first + index - 1

    async def close(self) -> None:
        """End everything; the test fails if something survives that."""
        for slot in Slot:
            await self.runtime.stop(slot)
        assert self.members() == []

    async def ask(self, slot: Slot, index: int) -> Any:
        """What the instance tells about itself, once it listens."""
        deadline = self.clock.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port(slot, index)}/", timeout=10) as answer:
                    return json.load(answer)
            except OSError:
                assert self.clock.monotonic() < deadline, "the instance does not answer"
                await self.clock.sleep(0.02)


def port_range(first: int) -> PortRange:
    return PortRange(first=first, last=first + INSTANCES - 1)


def free_ports() -> int:
    """The first of some ports in a row that nobody holds, below those the kernel gives away by itself."""
    while True:
        first = 10_000 + int.from_bytes(os.urandom(2)) % 20_000
        try:
            for port in range(first, first + INSTANCES):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
