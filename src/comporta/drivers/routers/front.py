"""What both routers show of themselves, whichever proxy stands behind."""

from __future__ import annotations

from typing import Generic, TypeVar

from comporta.drivers.routers.asking import answering_release, generation, reachable
from comporta.drivers.routers.home import File, Record, RouterHome
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot

Home = TypeVar("Home", bound=RouterHome)


class Front(Generic[Home]):
    """The part of the Router port that asks at the public address."""

    def __init__(self, spec: EnvironmentSpec, home: Home) -> None:
        self._spec = spec
        self._home = home

    @property
    def address(self) -> str:
        host, port = reachable(self._spec.listen)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def own_headers(self) -> dict[str, str]:
        record = self._home.load()
        return record.own_headers if record else {}

    @property
    def bypass_headers(self) -> dict[str, str]:
        record = self._home.load()
        return record.bypass_headers if record else {}

    async def answering(self, path: str, slot: Slot | None = None) -> int | None:
        record = self._home.load()
        token = record.token if record else ""
        return await answering_release(self._spec.listen, self._spec.domain, path, token, slot)

    async def _generation(self, file: File, record: Record) -> str | None:
        """Which file answers where this one should; None if none does."""
        seen = await generation(file.topology.listen, file.topology.server_name, record.token)
        return seen.id if seen else None
