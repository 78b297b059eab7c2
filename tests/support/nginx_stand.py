"""A real nginx router before real instances, with everything gone afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from comporta.drivers.routers.nginx import NginxRouter
from comporta.drivers.routers.nginx_options import NginxOptions
from comporta.drivers.system_clock import SystemClock
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot, Weights
from support.backends import Backend
from support.router_stand import RouterStand, router_stand


class NginxStand(RouterStand):
    refused = Weights(blue=90, green=10)

    def __init__(
        self, spec: EnvironmentSpec, options: NginxOptions, running: dict[Slot, Backend], stages: tuple[int, ...]
    ) -> None:
        super().__init__(spec, running, stages)
        self.options = options
        self.router = self.another()

    def another(self) -> NginxRouter:
        """The same router, as another command makes it."""
        return NginxRouter(self.spec, self.options, SystemClock())

    @property
    def home(self) -> Path:
        return Path(self.spec.state) / self.spec.environment / "nginx"


@asynccontextmanager
async def nginx_stand(
    state: Path, options: NginxOptions | None = None, stages: tuple[int, ...] = (), **changes: object
) -> AsyncIterator[NginxStand]:
    """Blue and green have one instance each. `changes`: to the spec."""

    def make(spec: EnvironmentSpec, running: dict[Slot, Backend]) -> NginxStand:
        return NginxStand(spec, options or NginxOptions(), running, stages)

    async with router_stand(make, str(state), **changes) as stand:
        yield stand
