"""The proof that nginx serves a file, and nothing older.

`nginx -s reload` returns before anything has happened; for a while old and new workers accept side by side; and where
a port is taken, nginx keeps the old file and tells only its log. So: a worker of the new generation answers *and* no
worker from before accepts connections.
"""

from __future__ import annotations

from pathlib import Path

from comporta.drivers.routers.asking import Generation, generation
from comporta.drivers.routers.nginx_home import File
from comporta.drivers.routers.nginx_server import Server
from comporta.drivers.routers.nginx_workers import accepting, siblings
from comporta.drivers.routers.waiting import until
from comporta.model.errors import RouterError
from comporta.ports.clock import Clock

WITHIN = 10.0
UNSEEN_ANSWERS = 20
UNSEEN_EVERY = 0.05
"""Where the workers cannot be seen (in a container), so many new answers in a row, a second long, have to do."""


class Proof:
    """Made before the file is applied, as it notes which workers there are. `live`: the link that they must see."""

    def __init__(self, server: Server, clock: Clock, file: File, token: str, *, live: Path) -> None:
        self._server = server
        self._clock = clock
        self._file = file
        self._token = token
        self._live = live
        self._workers = accepting()
        self._log_size = server.log_size()
        self._seen: Generation | None = None

    async def wait(self) -> None:
        """Raises RouterError, with what nginx logged, if it cannot be proven in time."""
        if not await until(self._proven, self._clock, within=WITHIN):
            raise RouterError(
                f"cannot prove that nginx serves {self._server.file} at {self._file.topology.listen}: {self._why()}",
                details=self._server.complaints(self._log_size),
            )
        if self._seen and Path(self._seen.live) != self._live.resolve():
            raise RouterError(
                f"cannot route traffic: nginx's workers cannot read {self._live}",
                next="give the user that they run as access to that folder, by its very path",
            )

    async def _proven(self) -> bool:
        if not await self._is_new():
            return False
        old = siblings(self._seen.pid, self._workers) if self._seen else None
        if old is None:
            return await self._always_new()
        return not accepting(old)

    async def _always_new(self) -> bool:
        for _ in range(UNSEEN_ANSWERS):
            await self._clock.sleep(UNSEEN_EVERY)
            if not await self._is_new():
                return False
        return True

    async def _is_new(self) -> bool:
        topology = self._file.topology
        self._seen = await generation(topology.listen, topology.server_name, self._token)
        return self._seen is not None and self._seen.id == self._file.generation

    def _why(self) -> str:
        if self._seen is None:
            return "nobody answers there for it"
        if self._seen.id != self._file.generation:
            return "it still serves another one"
        return "workers from before still accept connections"
