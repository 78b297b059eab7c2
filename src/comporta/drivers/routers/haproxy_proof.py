"""The proof that a reload has happened: a worker of the new generation answers, and those from before accept nobody.

They go on answering on the connections that they have: one more request on each, then they close it, so that none is
closed under a request. A switch reaches them too.
"""

from __future__ import annotations

from comporta.drivers.routers.asking import Generation, generation
from comporta.drivers.routers.haproxy_control import Control, Workers
from comporta.drivers.routers.haproxy_server import Server
from comporta.drivers.routers.home import File
from comporta.drivers.routers.waiting import until
from comporta.model.errors import RouterError
from comporta.ports.clock import Clock

WITHIN = 10.0


class Proof:
    """`before`: the workers from before the reload."""

    def __init__(
        self, server: Server, control: Control, clock: Clock, file: File, token: str, *, before: Workers | None
    ) -> None:
        self._before = before.all if before else ()
        self._server = server
        self._control = control
        self._clock = clock
        self._file = file
        self._token = token
        self._seen: Generation | None = None

    async def wait(self) -> None:
        """Raises RouterError if it cannot be proven in time."""
        if not await until(self._proven, self._clock, within=WITHIN):
            raise RouterError(
                f"cannot prove that HAProxy serves {self._server.file} at {self._file.topology.listen}: {self._why()}",
                next="its own log says why; a port in use is a common reason",
            )

    async def _proven(self) -> bool:
        topology = self._file.topology
        self._seen = await generation(topology.listen, topology.server_name, self._token)
        workers = await self._control.workers()
        if self._seen is None or workers is None or workers.current in self._before:
            return False
        if (self._seen.id, self._seen.pid) != (self._file.generation, workers.current):
            return False
        return all([await self._control.is_stopping(worker) for worker in workers.old])

    def _why(self) -> str:
        if self._seen is None:
            return "nobody answers there for it"
        if self._seen.id != self._file.generation:
            return "it still serves another one"
        return f"its master does not say at {self._server.socket} that only this worker accepts connections"
