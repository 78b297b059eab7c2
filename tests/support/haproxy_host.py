"""An HAProxy that was there before comporta, with a neighbour of its own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from comporta.drivers.routers.haproxy_options import ExternalHaproxy, HaproxyOptions
from support.backends import free_port

CONFIG = """
defaults
    mode http
    log stdout format raw local0
    option httplog
    timeout connect 1s
    timeout client 5s
    timeout server 5s
"""
NEIGHBOUR = """
frontend neighbour
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain string neighbour
"""


@dataclass
class HaproxyHost:
    """A machine's HAProxy; `neighbour` is a file that is none of comporta's business."""

    folder: Path
    options: HaproxyOptions
    port: int

    @property
    def neighbour(self) -> Path:
        return self.folder / "conf.d" / "neighbour.cfg"


@contextmanager
def haproxy_host() -> Iterator[HaproxyHost]:
    """One that runs, with all its files in a folder of its own."""
    with tempfile.TemporaryDirectory() as made:  # a short path: the socket's must fit into an address
        folder = Path(made)
        (folder / "conf.d").mkdir()
        (folder / "haproxy.cfg").write_text(CONFIG)
        haproxy = shutil.which("haproxy") or "/usr/sbin/haproxy"
        files = ("-f", f"{folder}/haproxy.cfg", "-f", f"{folder}/conf.d")
        log, port = folder / "requests.log", free_port()
        with log.open("wb") as output:
            (folder / "conf.d" / "neighbour.cfg").write_text(NEIGHBOUR.format(port=port))
            process = subprocess.Popen(
                [haproxy, "-W", "-S", f"{folder}/master.sock", *files], stdout=output, stderr=subprocess.DEVNULL
            )
        external = ExternalHaproxy(
            directory=folder / "conf.d",
            test=(haproxy, "-c", *files),
            reload=("kill", "-USR2", str(process.pid)),
            socket=folder / "master.sock",
            log=log,
        )
        try:
            while not (folder / "master.sock").exists():
                assert process.poll() is None
                time.sleep(0.01)
            yield HaproxyHost(folder, HaproxyOptions(external=external), port)
        finally:
            process.terminate()
            process.wait()
