"""An nginx that was there before comporta, with a neighbour of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from comporta.drivers.routers.nginx_options import ExternalNginx, NginxOptions
from support.backends import free_port

CONFIG = """
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
daemon off;
worker_processes 2;
events {{ worker_connections 512; }}
http {{
    default_type application/octet-stream;
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/conf.d/*.conf;
}}
"""
NEIGHBOUR = "server {{ listen 127.0.0.1:{port}; location / {{ return 200 neighbour; }} }}"


@dataclass
class NginxHost:
    """A machine's nginx; `neighbour` is a file that is none of comporta's business."""

    folder: Path
    options: NginxOptions

    @property
    def neighbour(self) -> Path:
        return self.folder / "conf.d" / "neighbour.conf"


@contextmanager
def nginx_host(folder: Path) -> Iterator[NginxHost]:
    """One that runs, with all its files in the folder, which is made."""
    (folder / "conf.d").mkdir(parents=True)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, user=user))
    nginx = [shutil.which("nginx") or "/usr/sbin/nginx", "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"]
    external = ExternalNginx(directory=folder / "conf.d", test=(*nginx, "-t"), reload=(*nginx, "-s", "reload"))
    host = NginxHost(folder, NginxOptions(external=external))
    host.neighbour.write_text(NEIGHBOUR.format(port=free_port()))
    process = subprocess.Popen(nginx)
    try:
        while not (folder / "nginx.pid").exists() or not (folder / "nginx.pid").read_text():
            assert process.poll() is None
            time.sleep(0.01)
        yield host
    finally:
        process.terminate()
        process.wait()
