"""supervisord, one for each slot: started, asked, and told to end.

Its file is made of constants and numbers only, its paths are relative to the slot's folder, and what it runs comes
from its environment: nothing that people write in a config or a path has a meaning for its parser.
"""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import signal
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import anyio

import comporta
from comporta.drivers.runtimes.process_members import MARKER
from comporta.drivers.runtimes.process_seat import Seat
from comporta.model.errors import RuntimeFailure

RETRIES = 10
"""An instance that ends within START_SECONDS is started again after 1, 2, 3… seconds, so many times: for a minute."""
START_SECONDS = 10

SOCKET = "supervisord.sock"
LONGEST_SOCKET = 90
"""Bytes of a path that surely fit into the address of a unix socket (Linux takes 107, macOS 103), also with the
process id that supervisord appends while it makes the socket."""

INI = """\
[unix_http_server]
file = {socket}
chmod = 0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisord]
logfile = supervisord.log
logfile_maxbytes = 1MB
logfile_backups = 1
pidfile = supervisord.pid
nocleanup = true

[program:instance]
command = %(ENV_COMPORTA_LAUNCHER)s %(process_num)d
process_name = %(process_num)d
numprocs = {room}
numprocs_start = 1
autostart = false
autorestart = true
startsecs = {start_seconds}
startretries = {retries}
stopwaitsecs = {stop_wait}
stopasgroup = true
redirect_stderr = true
stdout_logfile = instance-%(process_num)d.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 2

[program:reaper]
command = %(ENV_COMPORTA_REAPER)s
autostart = false
autorestart = true
priority = 1
redirect_stderr = true
stdout_logfile = reaper.log
stdout_logfile_maxbytes = 100KB
stdout_logfile_backups = 0
"""

ENDED = {"STOPPED", "FATAL"}
"""Its states of an instance that it will not start again by itself."""
STOPPING = "STOPPING"

_HERE = Path(__file__).parent
_EXIT = re.compile(r"exited: (\d+) \((?:exit status (\d+)|terminated by (\w+))")


class Launch(NamedTuple):
    """How one instance is launched, with everything filled in."""

    directory: str
    command: list[str]
    env: dict[str, str]


class Program(NamedTuple):
    """One instance as supervisord sees it. `state` is supervisord's name for it."""

    state: str
    pid: int | None


class Supervisor:
    """The supervisord of a slot, running or not."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat

    async def launch(self, launches: Mapping[int, Launch], *, grace: float, retries: int) -> None:
        """Start supervisord, which outlives us in a session of its own. It knows all instances, and starts none yet.

        Args:
            launches: by index, from 1, of all instances that the slot may ever have: what they get comes from
                supervisord's environment, and that is settled once it runs.

        Raises:
            RuntimeFailure: supervisord does not start; its own words are in the details.
        """
        ini = INI.format(
            socket=f"/proc/self/cwd/{SOCKET}" if self._is_deep else SOCKET,
            room=len(launches),
            start_seconds=START_SECONDS,
            retries=retries,
            stop_wait=math.ceil(grace),
        )
        (self._seat.path / "supervisord.ini").write_text(ini)
        command = [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", "supervisord.ini"]
        try:
            # It returns when supervisord has gone to the background, with its socket open.
            done = await anyio.run_process(
                command, cwd=self._seat.path, env=self._environment(launches), check=False, start_new_session=True
            )
        except OSError as error:
            raise RuntimeFailure(f"cannot start supervisord: {error}") from error
        if done.returncode:
            said = (done.stdout + done.stderr).decode(errors="replace").splitlines()
            raise RuntimeFailure("cannot start supervisord: it ended at once", details=said)

    def programs(self) -> dict[int, Program] | None:
        """The instances by index; None if supervisord is not there, or is about to end."""
        infos = self._ask("getAllProcessInfo")
        if infos is None:
            return None
        return {
            int(info["name"]): Program(info["statename"], info["pid"] or None)
            for info in infos
            if info["group"] == "instance"
        }

    def start(self, index: int) -> None:
        self._ask("startProcess", f"instance:{index}", False)

    def stop(self, index: int) -> None:
        """Tell it to end an instance and to start it no more. Returns at once; repeated, it changes nothing."""
        if self._ask("stopProcess", f"instance:{index}", False) is None:
            # One that has just ended by itself cannot be stopped, but is started again before the next question.
            self._ask("stopProcess", f"instance:{index}", False)

    def is_stopping(self, indices: Collection[int]) -> bool:
        """Some of these instances were told to end, and it has not seen yet that they did."""
        programs = self.programs() or {}
        return any(programs[index].state == STOPPING for index in programs.keys() & indices)

    def start_reaper(self) -> None:
        self._ask("startProcess", "reaper", False)

    def shut_down(self) -> bool:
        """Tell it to stop its instances and to end. False: there is nobody to tell."""
        return self._ask("shutdown") is not None

    def wake(self) -> None:
        """It looks after its processes once a second, and whenever it is asked something."""
        self._ask("getState")

    def exit_codes(self) -> dict[int, int]:
        """The last exit code by index of the instance, if it ever exited; a signal is a negative number.

        supervisord does not keep the code of an instance that it starts again, but it writes it down.
        """
        codes = {}
        for path in (self._seat.path / "supervisord.log.1", self._seat.path / "supervisord.log"):
            text = path.read_text(errors="replace") if path.exists() else ""
            for index, status, by_signal in _EXIT.findall(text):
                codes[int(index)] = int(status) if status else -_signal_number(by_signal)
        return codes

    def _ask(self, method: str, *arguments: object) -> Any:
        """What it answers; None if it does not, or refuses because the matter has settled itself meanwhile."""
        # Imported here, as `comporta --help` need not pay for it.
        from comporta.drivers.runtimes.process_rpc import call

        return call(self._seat.path, SOCKET, f"supervisor.{method}", *arguments, by_descriptor=self._is_deep)

    @property
    def _is_deep(self) -> bool:
        """The folder's path does not fit into a socket's address. Linux has shorter names for it."""
        return len(os.fsencode(self._seat.path / SOCKET)) > LONGEST_SOCKET

    def _environment(self, launches: Mapping[int, Launch]) -> dict[str, str]:
        """The environment of supervisord. What the launcher and the stopper need is passed on in it."""
        python = [sys.executable, "-I", "-S", "-X", "utf8"]
        stop = [sys.executable, "-P", "-m", "comporta.drivers.runtimes.process_stopping"]
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(Path(comporta.__file__).parent.parent),
            MARKER: self._seat.marker,
            "COMPORTA_LAUNCHER": shlex.join([*python, str(_HERE / "process_launch.py")]),
            "COMPORTA_REAPER": shlex.join([*python, str(_HERE / "process_reaper.py"), *stop]),
            **{f"COMPORTA_LAUNCH_{index}": json.dumps(launch._asdict()) for index, launch in launches.items()},
        }


def _signal_number(name: str) -> int:
    return signal.Signals[name].value if name in signal.Signals.__members__ else 0
