"""A real Prometheus server with a password, which scrapes a small exporter, or whatever else it is told to."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.http_server import Scripted, scripted_server

NAME, PASSWORD = "comporta", "pass/w@rd"
CONFIG = """\
global: {{scrape_interval: {every}, scrape_timeout: {every}}}
scrape_configs: [{{job_name: shop, static_configs: [{{targets: ["{exporter}"]}}]}}]
"""
WEB_CONFIG = """\
basic_auth_users: {comporta: "$2b$04$xArS/csJzlQij2bxynT6..pUvAsOYpGz3wpw7NgSon0PII63dwPJ2"}
"""
"""The hash is of PASSWORD."""
METRICS = b"""\
queue_depth 7
errors{instance_index="1"} 1
errors{instance_index="2"} 2
requests 0
latency{release="3",version="1.0.0-rc.1+b7",slot="blue",path="/users/{id}"} 0.25
latency{release="4",version="1.1.0",slot="green",path="/users/{id}"} 0.5
"""


@contextmanager
def prometheus_server(folder: Path) -> Iterator[str]:
    """Runs it until the end; gives host:port. It has scraped nothing yet."""
    with scripted_server(Scripted(body=METRICS)) as exporter, prometheus_of(folder, exporter.address) as address:
        yield address


@contextmanager
def prometheus_of(folder: Path, exporter: str, every: str = "100ms") -> Iterator[str]:
    """The same, of the exporter at this host:port."""
    binary = shutil.which("prometheus")
    assert binary, "the caller sees to that"
    (folder / "prometheus.yml").write_text(CONFIG.format(exporter=exporter, every=every))
    (folder / "web.yml").write_text(WEB_CONFIG)
    address = f"127.0.0.1:{free_port()}"
    command = [
        binary,
        "--config.file=prometheus.yml",
        "--web.config.file=web.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address={address}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        yield address
    finally:
        process.terminate()
        process.wait(timeout=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
