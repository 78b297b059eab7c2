"""A real router before real instances, with everything gone afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx2
import msgspec

from comporta.model.figures import Reading
from comporta.model.spec import EnvironmentSpec, PortRange
from comporta.model.traffic import Slot, Topology, Weights
from comporta.ports.router import Router
from support import specs
from support.backends import Backend, backends, free_port
from support.users import ask

COUNTED_WITHIN = 10.0


class RouterStand:
    """Implements the contract's `Stand`. A subclass has the router."""

    router: Router
    refused: Weights | None = None

    def __init__(self, spec: EnvironmentSpec, running: dict[Slot, Backend], stages: tuple[int, ...]) -> None:
        self.spec = spec
        self.backends = running
        self.topology = Topology(
            listen=spec.listen,
            server_name=spec.domain,
            blue=(f"{spec.instance_host}:{spec.blue.first}",),
            green=(f"{spec.instance_host}:{spec.green.first}",),
            stages=stages,
        )
        self.other = msgspec.structs.replace(self.topology, server_name=f"www.{spec.domain}")

    @property
    def url(self) -> str:
        return f"http://{self.router.address}"

    async def get(self, path: str = "/", method: str = "GET", content: bytes = b"", **headers: str) -> httpx2.Response:
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
            headers = {"host": self.spec.domain, **headers}
            return await client.request(method, self.url + path, headers=headers, content=content)

    async def request(self, times: int) -> None:
        for _ in range(times):
            assert (await self.get()).status_code == 200

    async def ask(self, cookie: str | None = None, wanted: str | None = None) -> tuple[int | None, str | None]:
        return await ask(self.router.address, self.spec.domain, cookie, wanted)

    async def page(self, headers: Mapping[str, str]) -> str | None:
        answer = await self.get(**headers)
        if "x-backend" in answer.headers:
            assert answer.status_code == 200
            return None
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        return answer.text

    async def stop_instances(self, slot: Slot) -> None:
        await self.backends[slot].stop()

    async def counted(self, since: str, requests: int) -> Reading:
        async with asyncio.timeout(COUNTED_WITHIN):
            while True:
                reading = await self.router.count(since)
                if reading.total.requests >= requests:
                    return reading
                await asyncio.sleep(0.05)


StandType = TypeVar("StandType", bound=RouterStand)
Make = Callable[[EnvironmentSpec, dict[Slot, Backend]], StandType]


@asynccontextmanager
async def router_stand(
    make: Make[StandType], state: str, *, instance_host: str = "127.0.0.1", **changes: object
) -> AsyncIterator[StandType]:
    """Blue and green have one instance each. `changes`: to the spec."""
    async with backends("blue", "green", host=instance_host) as [(blue, blue_port), (green, green_port)]:
        spec = specs.spec(
            state=state,
            listen=f"127.0.0.1:{free_port()}",
            instance_host=instance_host,
            blue=PortRange(first=blue_port, last=blue_port),
            green=PortRange(first=green_port, last=green_port),
        )
        stand = make(msgspec.structs.replace(spec, **changes), {Slot.BLUE: blue, Slot.GREEN: green})
        try:
            yield stand
        finally:
            await stand.router.remove()
