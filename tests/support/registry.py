"""A real registry on the loopback, open or behind a password."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from comporta.load.free_ports import free_ports


@contextmanager
def registry(folder: Path, *, htpasswd: str = "") -> Iterator[str]:
    """Its host:port. `htpasswd`: who may pull and push (name:bcrypt); empty: everybody."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("there is no docker-registry: scripts/docker_engine.sh")
    port = free_ports(1)
    folder.mkdir(parents=True, exist_ok=True)
    auth = ""
    if htpasswd:
        (folder / "htpasswd").write_text(htpasswd)
        auth = f"auth:\n  htpasswd: {{realm: test, path: {folder}/htpasswd}}\n"
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n{auth}"
    )
    process = subprocess.Popen(
        [program, "serve", str(folder / "config.yml")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _until_answers(f"http://127.0.0.1:{port}/v2/", process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _until_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None, "the registry ended"
        assert time.monotonic() < deadline, "the registry does not answer"
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
