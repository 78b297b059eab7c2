"""An HAProxy of our own: its master, which outlives the command that started it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import IO

import anyio
import psutil

from comporta.drivers.routers.commands import executable, require_success
from comporta.drivers.routers.haproxy_home import Home
from comporta.drivers.routers.home import sync, write
from comporta.drivers.routers.ports import require_free
from comporta.drivers.routers.processes import end, send
from comporta.model.errors import RouterError
from comporta.ports.clock import Clock

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
"""Nothing of comporta's environment, which may hold secrets."""
STOP_STAGES = ((signal.SIGUSR1, 5.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))
"""Answer what is open; at once; no question."""
ACCESS_LOG = 3
"""The descriptor of the access log: HAProxy closes its standard output when it goes to the background."""


class Managed:
    """Implements Server."""

    def __init__(self, home: Home, clock: Clock) -> None:
        self.file = home.config
        self.socket = home.socket
        self.log = home.access_log
        self._home = home
        self._clock = clock

    def may_run(self) -> bool:
        return master(self._home) is not None

    def require_listenable(self, listen: str) -> None:
        require_free(listen, {process.pid for process in family(self._home)})

    async def install(self, text: str) -> None:
        candidate = self.file.with_suffix(".candidate")
        write(candidate, text.encode(), mode=0o600)
        try:
            check = [executable("haproxy"), "-c", "-f", str(candidate)]
            await require_success("use the new file", check, program="haproxy", env=ENVIRONMENT)
            os.replace(candidate, self.file)
            sync(self.file.parent)
        finally:
            candidate.unlink(missing_ok=True)

    async def apply(self) -> None:
        running = master(self._home)
        if running is not None:
            send(running, signal.SIGUSR2)
            return
        await self._end()
        status = await anyio.to_thread.run_sync(self._start)
        if status:
            said = self._home.error_log.read_text(errors="replace").splitlines()
            raise RouterError("cannot start HAProxy: it refuses", details=said[-5:])

    async def withdraw(self) -> None:
        await self._end()
        for file in (self.file, self._home.pid_file, self._home.socket):
            file.unlink(missing_ok=True)

    async def _end(self) -> None:
        await end(family(self._home), STOP_STAGES, self._clock, name="HAProxy")

    def _start(self) -> int:
        """The exit status of what goes to the background when it listens."""
        program = executable("haproxy")
        # The socket is relative to the folder: its path may be too long for an address.
        where = ["-C", str(self._home.path), "-S", f"unix@{self._home.socket.name},mode,600"]
        command = [program, "-W", "-D", *where, "-f", str(self.file), "-p", str(self._home.pid_file)]
        with self._home.error_log.open("wb") as errors, _at_end(self._home.access_log) as log:
            actions = [
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, errors.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, errors.fileno(), 2),
                (os.POSIX_SPAWN_DUP2, log.fileno(), ACCESS_LOG),
            ]
            pid = os.posix_spawn(program, command, ENVIRONMENT, file_actions=actions, setsid=True)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _at_end(log: Path) -> IO[bytes]:
    """Open, and at its end: HAProxy takes away the flag that would let every line be appended."""
    file = os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT, 0o640), "wb")
    file.seek(0, os.SEEK_END)
    return file


def master(home: Home) -> psutil.Process | None:
    """Our running master. The number in the pid file alone proves nothing: it may be anybody's after a reboot."""
    try:
        process = psutil.Process(int(home.pid_file.read_text()))
    except (OSError, ValueError, psutil.Error):
        return None
    return process if _serves(process, home) else None


def family(home: Home) -> list[psutil.Process]:
    """Our master and its workers, also those from before a reload."""
    return [process for process in psutil.process_iter() if _serves(process, home)]


def _serves(process: psutil.Process, home: Home) -> bool:
    try:
        return str(home.config) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
