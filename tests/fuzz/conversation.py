"""Raw bytes over real connections on the loopback, in one event loop for the whole process."""

from __future__ import annotations

import asyncio
from contextlib import suppress

LOOP = asyncio.new_event_loop()


async def ask(port: int, data: bytes) -> bytes:
    """Say that and nothing more; what came until the other side hung up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = bytearray()
    with suppress(ConnectionError):
        writer.write(data)
        writer.write_eof()
        while chunk := await reader.read(65536):
            said += chunk
    writer.close()
    return bytes(said)


class Answering:
    """A server that answers every request with the same bytes, and hangs up."""

    def __init__(self) -> None:
        self.answer = b""
        self.server = LOOP.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self.answer)
            await writer.drain()
        writer.close()
