"""The relay delays bytes, ends and resets by half a round trip each way, and changes nothing else."""

import asyncio
import random
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from comporta.load import Relay

RTT = 0.1
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def through_relay(
    handle: Handler, rtt: float = RTT
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server, Relay("127.0.0.1", server.sockets[0].getsockname()[1], rtt=rtt) as relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        yield reader, writer
        writer.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def test_a_round_trip_takes_at_least_the_time_asked_for() -> None:
    async def main() -> list[float]:
        trips = []
        async with through_relay(echo) as (reader, writer):
            for _ in range(3):
                begin = time.monotonic()
                writer.write(b"ping")
                assert await reader.readexactly(4) == b"ping"
                trips.append(time.monotonic() - begin)
        return trips

    assert min(asyncio.run(main())) >= RTT


def test_bytes_arrive_unchanged_and_in_order_even_at_a_slow_reader() -> None:
    sent = random.Random(1).randbytes(3_000_000)

    async def main() -> bytes:
        async with through_relay(echo, rtt=0.01) as (reader, writer):
            writer.write(sent)
            writer.write_eof()
            await asyncio.sleep(0.1)
            return await reader.read(-1)

    assert asyncio.run(main()) == sent


def test_one_direction_stays_open_after_the_end_of_the_other() -> None:
    async def answer_after_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        everything = await reader.read(-1)
        writer.write(b"got " + everything)
        writer.close()

    async def main() -> bytes:
        async with through_relay(answer_after_end) as (reader, writer):
            writer.write(b"all")
            writer.write_eof()
            return await reader.read(-1)

    assert asyncio.run(main()) == b"got all"


def test_an_end_travels_as_long_as_bytes_do() -> None:
    closed_at = 0.0

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal closed_at
        await reader.readexactly(1)
        closed_at = time.monotonic()
        writer.close()

    async def main() -> float:
        async with through_relay(close) as (reader, writer):
            writer.write(b"x")
            assert await reader.read() == b""
            return time.monotonic()

    ended_at = asyncio.run(main())
    assert ended_at - closed_at >= RTT / 2


def test_a_reset_arrives_as_a_reset() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def main() -> None:
        async with through_relay(reset) as (reader, writer):
            writer.write(b"x")
            with pytest.raises(ConnectionResetError):
                await reader.read()

    asyncio.run(main())


def test_a_server_that_refuses_is_a_reset() -> None:
    async def main(port: int) -> None:
        async with Relay("127.0.0.1", port, rtt=0.01) as relay:
            reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()

    with socket.socket() as bound:  # bound, but nobody listens
        bound.bind(("127.0.0.1", 0))
        asyncio.run(main(bound.getsockname()[1]))
