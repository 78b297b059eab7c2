"""Bytes to `/metrics` of `comporta serve`, over a real connection: it answers or hangs up, and goes on serving."""

from __future__ import annotations

import asyncio
import re

from comporta.daemon.exposing import PATIENCE, expose
from comporta.load.free_ports import free_ports
from fuzz.conversation import LOOP, ask

ANSWER = re.compile(rb"HTTP/1\.1 [1-5]\d\d .*?\r\n\r\n", re.DOTALL)
GOOD = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


class _Server:
    """Started with the first input, and for as long as the process lives."""

    def __init__(self) -> None:
        self.port = free_ports(1)
        self.task = LOOP.create_task(expose(f"127.0.0.1:{self.port}", ()))

    async def answers(self, data: bytes) -> bytes:
        for _ in range(100):
            if self.task.done():
                break
            try:
                return await asyncio.wait_for(ask(self.port, data), 2 * PATIENCE)
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
        ended: asyncio.Task[None] = self.task
        _forget()
        ended.result()
        raise AssertionError("nobody listens any more")


_server: list[_Server] = []


def _forget() -> None:
    _server.clear()


def run(data: bytes) -> None:
    if not _server:
        _server.append(_Server())
    server = _server[0]
    answer = LOOP.run_until_complete(server.answers(data))
    assert not answer or ANSWER.match(answer), answer
    again = LOOP.run_until_complete(server.answers(GOOD))
    assert again.startswith(b"HTTP/1.1 200 "), "it does not serve any more"
