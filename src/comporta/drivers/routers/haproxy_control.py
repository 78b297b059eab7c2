"""Talking to HAProxy over its master's socket, which leads to every worker.

After a reload the workers from before go on answering on the connections that they have. So traffic is changed in all
of them, and what is in flight is counted in all of them.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
from msgspec import Struct

from comporta.drivers.routers.haproxy_map import KEY
from comporta.ports.clock import Clock

TIMEOUT = 5.0
RETRY_WITHIN = 1.0
RETRY_EVERY = 0.01
"""A master that reloads does not answer for some 50 ms."""
LONGEST_SOCKET = 100
"""Bytes of a path that surely fit into the address of a unix socket."""
IN_USE = (0, 4)
"""srv_admin_state: nothing special; and the remark that it was disabled when HAProxy started."""
STOPPED = "0"
"""srv_op_state: its checks found nobody there."""
Servers = dict[str, "tuple[str, int] | None"]
"""By name: IP address and port of the servers in use; None for the others."""


class Workers(Struct, frozen=True):
    """Pids, as HAProxy knows them (in its own pid namespace)."""

    current: int
    old: tuple[int, ...]

    @property
    def all(self) -> tuple[int, ...]:
        return (self.current, *self.old)


class Control:
    """`socket` is the master's; `may_run`: whether it is worth asking once more, when nobody answers."""

    def __init__(self, socket: Path, may_run: Callable[[], bool], clock: Clock) -> None:
        self._socket = socket
        self._may_run = may_run
        self._clock = clock

    async def workers(self) -> Workers | None:
        """None if HAProxy does not run."""
        current: list[int] = []
        old: list[int] = []
        pids: list[int] = []
        for line in (await self._ask("show proc") or "").splitlines():
            if line.startswith("#"):
                pids = {"# workers": current, "# old workers": old}.get(line.strip(), [])
            elif (words := line.split())[1:2] == ["worker"]:
                pids.append(int(words[0]))
        return Workers(current[-1], tuple(old)) if current else None

    # Maps

    async def value(self, worker: int, map_file: Path) -> str:
        """The value in the map; empty if the worker has no such map, or something else in it."""
        answer = await self._ask(f"@!{worker} show map {map_file}")
        lines = [line.split(" ", 2)[1:] for line in (answer or "").splitlines() if line.startswith("0x")]
        return lines[0][1] if len(lines) == 1 and len(lines[0]) == 2 and lines[0][0] == KEY else ""

    async def set_value(self, workers: Workers, map_file: Path, value: str) -> str:
        """What the current worker objects; empty when it obeys. An old one may be gone, or know nothing of us."""
        refusal = await self._tell(workers.current, f"set map {map_file} {KEY} {value}")
        for worker in () if refusal else workers.old:
            if await self.value(worker, map_file):
                await self._tell(worker, f"set map {map_file} {KEY} {value}")
        return refusal

    # Servers

    async def servers(self, worker: int, backend: str) -> Servers:
        rows = await self._states(worker, backend)
        return {row[3]: (row[4], int(row[18])) if int(row[6]) in IN_USE else None for row in rows}

    async def _states(self, worker: int, backend: str) -> list[list[str]]:
        """be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state …; the port is the 19th."""
        answer = await self._ask(f"@!{worker} show servers state {backend}")
        rows = [line.split() for line in (answer or "").splitlines() if not line.startswith("#")]
        return [row for row in rows if len(row) > 18]

    async def use(self, worker: int, backend: str, servers: Servers) -> bool:
        """Use those servers that have an address here, and no others; what is connected stays so. False: it did not."""
        now = await self.servers(worker, backend)
        for name in sorted(servers.keys() & now.keys(), key=lambda name: servers[name] is None):
            if (now[name] is None) != (servers[name] is None):
                state = "ready" if servers[name] else "maint"
                await self._tell(worker, f"set server {backend}/{name} state {state}")
        return await self.servers(worker, backend) == servers

    async def know(self, worker: int, backend: str, there: dict[str, bool]) -> None:
        """Tell it which servers take connections, where it thinks otherwise; its own checks go on from there."""
        for name, thought in (await self._believed(worker, backend)).items():
            if there.get(name, thought) != thought:
                await self._tell(worker, f"set server {backend}/{name} health {'down' if thought else 'up'}")

    async def _believed(self, worker: int, backend: str) -> dict[str, bool]:
        return {row[3]: row[5] != STOPPED for row in await self._states(worker, backend)}

    async def in_flight(self, worker: int, ours: Callable[[str], bool], servers: Collection[str] | None) -> int:
        """Requests that a worker has in our backends; idle connections to instances do not count.

        Args:
            servers: only what these have; None: all, also what waits for one.
        """
        answer = await self._ask(f"@!{worker} show stat -1 6 -1") or ""
        rows = csv.DictReader(line for line in answer.lstrip("# ").splitlines() if line)
        counted = ("BACKEND",) if servers is None else servers
        return sum(int(row["scur"]) for row in rows if ours(row["pxname"]) and row["svname"] in counted)

    async def is_stopping(self, worker: int) -> bool:
        """Whether it has closed its listeners; also if it is gone."""
        answer = await self._ask(f"@!{worker} show info")
        return "Stopping: 0" not in (answer or "").splitlines()

    async def _tell(self, worker: int, command: str) -> str:
        """What the worker objects; empty when it obeys."""
        answer = await self._ask(f"@!{worker} {command}")
        if answer is None:
            return "it does not answer"
        objections = [line for line in answer.splitlines() if line.strip() and "changed" not in line]
        return "; ".join(objections)

    async def _ask(self, command: str) -> str | None:
        """None when nobody answers."""
        deadline = self._clock.monotonic() + RETRY_WITHIN
        while not (answer := await self._asked_once(command)):
            if not self._may_run() or self._clock.monotonic() >= deadline:
                return None
            await self._clock.sleep(RETRY_EVERY)
        return answer

    async def _asked_once(self, command: str) -> str:
        """The answer, which ends with an empty line; empty if there is none."""
        answer = b""
        try:
            with anyio.fail_after(TIMEOUT), _short(self._socket) as path:
                async with await anyio.connect_unix(path) as stream:
                    await stream.send(f"{command}\n".encode())
                    await stream.send_eof()
                    async for chunk in stream:
                        answer += chunk
        except (OSError, anyio.BrokenResourceError):
            return ""
        return answer.decode(errors="replace")


@contextmanager
def _short(socket: Path) -> Iterator[str]:
    """A name for it that fits into a socket's address. Linux has one for every open folder."""
    if len(os.fsencode(socket)) <= LONGEST_SOCKET:
        yield str(socket)
        return
    folder = os.open(socket.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{socket.name}"
    finally:
        os.close(folder)
