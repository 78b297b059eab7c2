"""A real nginx router before real instances, with everything gone afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import msgspec

from comporta.drivers.routers.nginx import NginxRouter
from comporta.drivers.routers.nginx_options import NginxOptions
from comporta.drivers.system_clock import SystemClock
from comporta.model.figures import Reading
from comporta.model.spec import EnvironmentSpec, PortRange
from comporta.model.traffic import Slot, Topology, Weights
from support import specs
from support.backends import Backend, backends, free_port
from support.users import ask

COUNTED_WITHIN = 10.0


class NginxStand:
    refused = Weights(blue=90, green=10)

    def __init__(
        self, spec: EnvironmentSpec, options: NginxOptions, running: dict[Slot, Backend], stages: tuple[int, ...]
    ) -> None:
        self.spec = spec
        self.options = options
        self.backends = running
        self.router = self.another()
        self.topology = Topology(
            listen=spec.listen,
            server_name=spec.domain,
            blue=(f"127.0.0.1:{spec.blue.first}",),
            green=(f"127.0.0.1:{spec.green.first}",),
            stages=stages,
        )
        self.other = msgspec.structs.replace(self.topology, server_name=f"www.{spec.domain}")

    def another(self) -> NginxRouter:
        """The same router, as another command makes it."""
        return NginxRouter(self.spec, self.options, SystemClock())

    @property
    def home(self) -> Path:
        return Path(self.spec.state) / self.spec.environment / "nginx"

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

    async def stop_instances(self, slot: Slot) -> None:
        await self.backends[slot].stop()

    async def counted(self, since: str, requests: int) -> Reading:
        async with asyncio.timeout(COUNTED_WITHIN):
            while True:
                reading = await self.router.count(since)
                if reading.total.requests >= requests:
                    return reading
                await asyncio.sleep(0.05)


@asynccontextmanager
async def nginx_stand(
    state: Path, options: NginxOptions | None = None, stages: tuple[int, ...] = (), **changes: object
) -> AsyncIterator[NginxStand]:
    """Blue and green have one instance each."""
    async with backends("blue", "green") as [(blue, blue_port), (green, green_port)]:
        spec = specs.spec(
            state=str(state),
            listen=f"127.0.0.1:{free_port()}",
            blue=PortRange(first=blue_port, last=blue_port),
            green=PortRange(first=green_port, last=green_port),
        )
        spec = msgspec.structs.replace(spec, **changes)
        stand = NginxStand(spec, options or NginxOptions(), {Slot.BLUE: blue, Slot.GREEN: green}, stages)
        try:
            yield stand
        finally:
            await stand.router.remove()
