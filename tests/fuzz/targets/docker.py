"""What a Docker Engine answers: as the JSON of an answer, as the log of a container, and as the words of a pull."""

from __future__ import annotations

import anyio
import httpx2

from comporta.drivers.runtimes.docker.api import Api
from comporta.drivers.runtimes.docker.logs import parsed, read_log
from comporta.drivers.runtimes.docker.supply import follow
from fuzz.scratch import documented


def run(data: bytes) -> None:
    lines = parsed(data)
    assert sum(len(line.text) for line in lines) <= len(data)
    for status in (200, 404, 500):
        anyio.run(_ask, status, data)


async def _ask(status: int, data: bytes) -> None:
    answering = httpx2.MockTransport(lambda request: httpx2.Response(status, content=data))
    async with httpx2.AsyncClient(transport=answering, base_url="http://engine") as client:
        api = Api(client, "http://engine")
        with documented():
            await api.find("/info")
        with documented():
            await read_log(api, "c1", tail=10)
        with documented():
            await follow(api.messages("/images/create", headers={}))
