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
from comporta.drivers.routers.nginx_workers import accepting, master_of, parent
from comporta.drivers.routers.waiting import until
from comporta.model.errors import RouterError
from comporta.ports.clock import Clock

WITHIN = 10.0


class Proof:
    """Made before the file is applied, as it notes which workers there are.

    Args:
        live: the link that they must see.
        log: the log that those of the new generation write.
    """

    def __init__(self, server: Server, clock: Clock, file: File, token: str, *, live: Path, log: Path) -> None:
        self._server = server
        self._clock = clock
        self._file = file
        self._token = token
        self._live = live
        self._log = log
        self._before = {pid: parent(pid) for pid in accepting()}
        self._log_size = server.log_size()
        self._seen: Generation | None = None
        self._master: int | None = None

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
        self._master = None
        if not await self._is_new() or self._seen is None:
            return False
        self._master = master_of(self._seen.pid, self._log)
        old = {pid for pid, master in self._before.items() if master == self._master}
        return self._master is not None and not accepting(old)

    async def _is_new(self) -> bool:
        topology = self._file.topology
        self._seen = await generation(topology.listen, topology.server_name, self._token)
        return self._seen is not None and self._seen.id == self._file.generation

    def _why(self) -> str:
        if self._seen is None:
            return "nobody answers there for it"
        if self._seen.id != self._file.generation:
            return "it still serves another one"
        if self._master is None:
            return "it answers, but its workers cannot be seen from here: run comporta on nginx's machine, as root"
        return "workers from before still accept connections"
