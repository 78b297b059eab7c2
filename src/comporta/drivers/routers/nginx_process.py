"""An nginx of our own: its master, which outlives the command that started it."""

from __future__ import annotations

import os
import signal

import psutil

from comporta.drivers.routers.commands import executable, require_success
from comporta.drivers.routers.external import parse_version
from comporta.drivers.routers.home import sync, write
from comporta.drivers.routers.log_files import move_aside
from comporta.drivers.routers.nginx_home import Home
from comporta.drivers.routers.nginx_workers import WORKER
from comporta.drivers.routers.ports import require_free
from comporta.drivers.routers.processes import end, send, title
from comporta.drivers.routers.waiting import until
from comporta.ports.clock import Clock

# Nothing of comporta's environment (which may hold secrets) goes to nginx. It must not be empty, though: nginx shows
# its title, by which we know it, in the memory of its first arguments and environment.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

STOP_STAGES = ((signal.SIGQUIT, 5.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))
"""How nginx is asked to end (answer what is open; at once; no question), and for how many seconds each."""

NEW_LOG_WITHIN = 5.0


class Managed:
    """Implements Server."""

    def __init__(self, home: Home, clock: Clock) -> None:
        self.file = home.config
        self._home = home
        self._clock = clock

    def version(self) -> tuple[int, ...]:
        return parse_version([executable("nginx"), "-v"])

    def require_listenable(self, listen: str) -> None:
        require_free(listen, {process.pid for process in family(self._home)})

    async def install(self, text: str) -> None:
        candidate = self.file.with_suffix(".candidate")
        write(candidate, text.encode(), mode=0o600)
        try:
            await self._nginx("use the new file", "-t", "-c", str(candidate))
            os.replace(candidate, self.file)
            sync(self.file.parent)
        finally:
            candidate.unlink(missing_ok=True)

    async def apply(self) -> None:
        running = master(self._home)
        if running is not None:
            running.send_signal(signal.SIGHUP)
            return
        await end(family(self._home), STOP_STAGES, self._clock, name="nginx")
        await self._nginx("start nginx", "-c", str(self.file))

    async def withdraw(self) -> None:
        await end(family(self._home), STOP_STAGES, self._clock, name="nginx")
        self.file.unlink(missing_ok=True)
        self._home.pid_file.unlink(missing_ok=True)

    async def tend_log(self) -> None:
        running = master(self._home)
        if running is None or not move_aside(self._home.access_log):
            return
        send(running, signal.SIGUSR1)

        async def begun() -> bool:
            return self._home.access_log.exists()

        await until(begun, self._clock, within=NEW_LOG_WITHIN)

    def log_size(self) -> int:
        return self._home.error_log.stat().st_size if self._home.error_log.exists() else 0

    def complaints(self, since: int) -> list[str]:
        with self._home.error_log.open("rb") as log:
            log.seek(since)
            lines = log.read().decode(errors="replace").splitlines()
        return [line for line in lines if "[emerg]" in line or "[alert]" in line or "[crit]" in line][-5:]

    async def _nginx(self, what: str, *words: str) -> None:
        """Run nginx in its folder. Its prefix is relative, and with it the path of the link that it resolves."""
        command = [executable("nginx"), "-p", "./", "-e", str(self._home.error_log), *words]
        await require_success(what, command, program="nginx", cwd=self._home.switch, env=ENVIRONMENT)


def master(home: Home) -> psutil.Process | None:
    """Our running master. The number in the pid file alone proves nothing: it may be anybody's after a reboot."""
    try:
        process = psutil.Process(int(home.pid_file.read_text()))
    except (OSError, ValueError, psutil.Error):
        return None
    return process if title(process).endswith(f" -c {home.config}") else None


def family(home: Home) -> list[psutil.Process]:
    """Our master and its workers; also workers whose master was killed: they go on serving, and hold the port."""
    ours = master(home)
    logs = {str(home.error_log), str(home.access_log)}
    workers = [p for p in psutil.process_iter() if title(p).startswith(WORKER) and _has_open(p, logs)]
    return ([ours] if ours else []) + workers


def _has_open(process: psutil.Process, paths: set[str]) -> bool:
    try:
        return any(file.path in paths for file in process.open_files())
    except psutil.Error:
        return False
