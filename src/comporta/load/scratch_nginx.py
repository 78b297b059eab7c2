"""A real nginx for a test or a benchmark: its own folder, a free port, gone afterwards."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

_CONFIG = """
{user}
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    {http}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        {server}
    }}
}}
"""


class ScratchNginx(Struct, frozen=True):
    """A running nginx; `directory` holds nginx.conf and error.log."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def command(self) -> list[str]:
        """The nginx command for this instance: add "-s", "reload"."""
        return _command(self.directory)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reload(self) -> None:
        """Ask for a reload; like `nginx -s reload`, this returns long before it is done."""
        self.process.send_signal(signal.SIGHUP)

    def rewrite(self, server: str, http: str = "") -> None:
        """Put other directives into nginx.conf, for the next reload."""
        _write(self.directory, self.port, server, http)


@contextmanager
def scratch_nginx(server: str, http: str = "", *, port: int = 0) -> Iterator[ScratchNginx]:
    """Run nginx with the directives of one `server` block, and some of the `http` block, on `port` (0: a free one).

    Raises OSError if it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="comporta-nginx-") as name, socket.socket() as listener:
        directory = Path(name)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(1024)
        running = _start(directory, listener, server, http)
        try:
            _wait_until_up(running)
            yield running
        finally:
            running.process.terminate()
            running.process.wait()


def _start(directory: Path, listener: socket.socket, server: str, http: str) -> ScratchNginx:
    port = listener.getsockname()[1]
    _write(directory, port, server, http)
    # nginx takes over the listening sockets named here (as in its own binary upgrade), so that nobody else can take
    # the port between finding it free and using it.
    process = subprocess.Popen(
        _command(directory), env={**os.environ, "NGINX": f"{listener.fileno()};"}, pass_fds=[listener.fileno()]
    )
    return ScratchNginx(directory, port, process)


def _write(directory: Path, port: int, server: str, http: str) -> None:
    # Workers of root run as nobody, who may not enter a private folder.
    user = "user root;" if os.geteuid() == 0 else ""
    text = _CONFIG.format(user=user, directory=directory, port=port, server=server, http=http)
    (directory / "nginx.conf").write_text(text)


def _command(directory: Path) -> list[str]:
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    return [nginx, "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e", str(directory / "error.log")]


def _wait_until_up(nginx: ScratchNginx) -> None:
    while not (nginx.directory / "nginx.pid").exists():
        if nginx.process.poll() is not None:
            raise OSError(f"cannot start nginx: {(nginx.directory / 'error.log').read_text().strip()}")
        time.sleep(0.005)
