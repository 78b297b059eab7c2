"""A real HAProxy router before real instances, with everything gone afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from comporta.drivers.routers.haproxy import HaproxyRouter
from comporta.drivers.routers.haproxy_options import HaproxyOptions
from comporta.drivers.system_clock import SystemClock
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot
from support.backends import Backend
from support.router_stand import RouterStand, router_stand


class HaproxyStand(RouterStand):
    def __init__(
        self, spec: EnvironmentSpec, options: HaproxyOptions, running: dict[Slot, Backend], stages: tuple[int, ...]
    ) -> None:
        super().__init__(spec, running, stages)
        self.options = options
        self.router = self.another()

    def another(self) -> HaproxyRouter:
        """The same router, as another command makes it."""
        return HaproxyRouter(self.spec, self.options, SystemClock())

    @property
    def home(self) -> Path:
        return Path(self.spec.state) / self.spec.environment / "haproxy"


@asynccontextmanager
async def haproxy_stand(
    state: Path, options: HaproxyOptions | None = None, stages: tuple[int, ...] = (), **changes: object
) -> AsyncIterator[HaproxyStand]:
    """Blue and green have one instance each. `changes`: to the spec."""

    def make(spec: EnvironmentSpec, running: dict[Slot, Backend]) -> HaproxyStand:
        return HaproxyStand(spec, options or HaproxyOptions(), running, stages)

    async with router_stand(make, str(state), **changes) as stand:
        yield stand
