"""A real OpenSSH server on the loopback, and an `ssh` that knows its key."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from comporta.load.free_ports import free_ports


@contextmanager
def ssh_server(folder: Path) -> Iterator[tuple[int, Path]]:
    """Its port, and a folder for the front of PATH, with an `ssh` that needs no question."""
    server = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if server is None or os.geteuid() != 0:
        pytest.skip("there is no sshd that we may start: scripts/docker_engine.sh")
    Path("/run/sshd").mkdir(exist_ok=True)
    port = free_ports(1)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\n"
    )
    public = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}\n")
    (folder / "ssh_config").write_text(f"IdentityFile {folder}/user\nUserKnownHostsFile {folder}/known_hosts\n")
    programs = folder / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n')
    (programs / "ssh").chmod(0o755)
    process = subprocess.Popen([server, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.DEVNULL)
    try:
        _until_listening(port, process)
        yield port, programs
    finally:
        process.terminate()
        process.wait(timeout=20)


def _until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None, "sshd ended"
        assert time.monotonic() < deadline, "sshd does not listen"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
