"""A real S3-compatible server with one empty bucket."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from comporta.model.spec import S3Spec
from support.backends import free_port
from support.services import PlainSecrets

KEYS = ("tester", "not-a-secret-at-all")


@dataclass
class Bucket:
    """`folder` holds the objects as files."""

    spec: S3Spec
    folder: Path
    secrets: PlainSecrets
    process: subprocess.Popen[bytes]


@contextmanager
def bucket(prefix: str = "shop/backups") -> Iterator[Bucket]:
    if shutil.which("rclone") is None:
        pytest.skip("rclone, whose `serve s3` is the S3-compatible server, is not installed")
    with tempfile.TemporaryDirectory(prefix="s3-") as directory:
        folder = Path(directory) / "kept"
        folder.mkdir()
        port = free_port()
        command = ["rclone", "serve", "s3", directory, "--addr", f"127.0.0.1:{port}", "--auth-key", ",".join(KEYS)]
        # No cache of listings: the tests change files behind the server's back.
        command += ["--config", "", "--dir-cache-time", "0s", "--vfs-cache-mode", "off"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            _until_it_listens(port)
            spec = S3Spec(
                bucket="kept",
                prefix=prefix,
                endpoint=f"http://127.0.0.1:{port}",
                access_key="${S3_ACCESS_KEY}",
                secret_key="${S3_SECRET_KEY}",
            )
            secrets = PlainSecrets({"S3_ACCESS_KEY": KEYS[0], "S3_SECRET_KEY": KEYS[1]})
            yield Bucket(spec, folder / prefix, secrets, process)
        finally:
            process.kill()
            process.wait()


def _until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "the S3-compatible server does not answer"
            time.sleep(0.05)
