"""Tiny real web services, each of which says who it is."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Backend:
    """Answers every request with its name. Some paths do something else, see `_answer`."""

    def __init__(self, name: str, host: str = "127.0.0.1") -> None:
        self.name = name
        self.host = host
        self.heads: list[str] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        """Listen on a port (0: any), and return it."""
        self._server = await asyncio.start_server(self._converse, self.host, port, backlog=1024)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Refuse connections, and cut those that are open."""
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head)
                _, _, length = head.lower().partition("content-length: ")
                await reader.readexactly(int(length.split("\r\n")[0] or 0))
                await self._answer(head.split()[1], reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        status = "200 OK"
        if path.startswith("/status/"):
            status = f"{path.removeprefix('/status/')} As Asked"
        elif path == "/reset":
            writer.transport.abort()
            return
        elif path == "/slow":
            await asyncio.sleep(0.7)
        elif path == "/echo":  # as a WebSocket begins: afterwards each byte comes back
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n")
            while data := await reader.read(1000):
                writer.write(data)
            return
        writer.write(
            f"HTTP/1.1 {status}\r\nx-backend: {self.name}\r\ncontent-length: {len(self.name)}\r\n\r\n".encode()
        )
        writer.write(self.name.encode())


@asynccontextmanager
async def backends(
    *names: str, first: int | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[list[tuple[Backend, int]]]:
    """So many of them, each with its port: any, or those from the first on."""
    made = [Backend(name, host) for name in names]
    try:
        ports = [0 if first is None else first + index for index in range(len(made))]
        yield [(backend, await backend.start(port)) for backend, port in zip(made, ports, strict=True)]
    finally:
        for backend in made:
            await backend.stop()


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
