"""An nginx of our own: its master, which outlives the command that started it."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import suppress

import psutil

from comporta.drivers.routers.nginx_external import parse_version
from comporta.drivers.routers.nginx_home import Home, sync, write
from comporta.drivers.routers.nginx_log_files import move_aside
from comporta.drivers.routers.nginx_ports import require_free
from comporta.drivers.routers.nginx_server import require_success, until
from comporta.drivers.routers.nginx_workers import WORKER, title
from comporta.model.errors import MissingTool, RouterError
from comporta.ports.clock import Clock

ELSEWHERE = "/usr/sbin:/usr/local/sbin:/usr/local/nginx/sbin:/opt/homebrew/bin"
"""Where nginx is when it is not in the PATH of everybody."""
INSTALL = {
    "apt-get": "sudo apt-get install nginx",
    "dnf": "sudo dnf install nginx",
    "apk": "sudo apk add nginx",
    "pacman": "sudo pacman -S nginx",
    "brew": "brew install nginx",
}
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
        return parse_version([executable(), "-v"])

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
        await self._end(family(self._home))
        await self._nginx("start nginx", "-c", str(self.file))

    async def withdraw(self) -> None:
        await self._end(family(self._home))
        self.file.unlink(missing_ok=True)
        self._home.pid_file.unlink(missing_ok=True)

    async def tend_log(self) -> None:
        running = master(self._home)
        if running is None or not move_aside(self._home.access_log):
            return
        _signal(running, signal.SIGUSR1)

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
        command = [executable(), "-p", "./", "-e", str(self._home.error_log), *words]
        await require_success(what, command, cwd=self._home.switch, env=ENVIRONMENT)

    async def _end(self, family: list[psutil.Process]) -> None:
        async def gone() -> bool:
            return not any(_alive(process) for process in family)

        for how, seconds in STOP_STAGES:
            for process in family:
                _signal(process, how)
            if await until(gone, self._clock, within=seconds):
                return
        raise RouterError(f"cannot stop nginx: {', '.join(str(p.pid) for p in family)} will not end")


def executable() -> str:
    """Raises MissingTool, with the command that installs it here."""
    found = shutil.which("nginx") or shutil.which("nginx", path=ELSEWHERE)
    if found:
        return found
    command = next((line for tool, line in INSTALL.items() if shutil.which(tool)), "install nginx")
    raise MissingTool("cannot route traffic: nginx is not installed", next=command)


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


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, how: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(how)  # psutil makes sure that the pid is still the same process
