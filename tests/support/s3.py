"""A real S3-compatible server with one empty bucket."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from obstore.store import S3Store

from comporta.model.spec import S3Spec
from support.backends import free_port
from support.services import PlainSecrets

KEYS = ("tester", "not-a-secret-at-all")


@dataclass
class Bucket:
    spec: S3Spec
    secrets: PlainSecrets

    def spoil(self, name: str, how: Callable[[bytes], bytes | None]) -> None:
        """Replace all objects whose name has this in it by what the function makes of them; None: it is gone."""
        objects = S3Store(
            self.spec.bucket,
            prefix=self.spec.prefix,
            endpoint=self.spec.endpoint,
            access_key_id=KEYS[0],
            secret_access_key=KEYS[1],
            client_options={"allow_http": True},
        )
        for path in [found["path"] for batch in objects.list() for found in batch if name in found["path"]]:
            found = how(bytes(objects.get(path).bytes()))
            objects.delete(path) if found is None else objects.put(path, found)


@contextmanager
def bucket(prefix: str = "shop/backups") -> Iterator[Bucket]:
    if shutil.which("rclone") is None:
        pytest.skip("rclone, whose `serve s3` is the S3-compatible server, is not installed")
    with tempfile.TemporaryDirectory(prefix="s3-") as directory:
        (Path(directory) / "kept").mkdir()
        port = free_port()
        command = ["rclone", "serve", "s3", directory, "--addr", f"127.0.0.1:{port}", "--auth-key", ",".join(KEYS)]
        command += ["--config", "", "--vfs-cache-mode", "off"]
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
            yield Bucket(spec, secrets)
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
