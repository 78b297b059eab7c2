"""A real OpenSSH server, and an `ssh` that knows its key."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from comporta.load.free_ports import free_ports


@contextmanager
def ssh_server(folder: Path, *, address: str = "127.0.0.1", inside: Sequence[str] = ()) -> Iterator[tuple[int, Path]]:
    """Its port, and a folder for the front of PATH, with an `ssh` that needs no question.

    Args:
        inside: the command that runs a program where the address is, if that is not here.
    """
    server = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if server is None or os.geteuid() != 0:
        pytest.skip("there is no sshd that we may start: scripts/docker_engine.sh")
    Path("/run/sshd").mkdir(exist_ok=True)
    port = free_ports(1)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress {address}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\n"
    )
    public = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[{address}]:{port} {public}\n")
    known = f"Host {address}\nIdentityFile {folder}/user\nUserKnownHostsFile {folder}/known_hosts\n"
    (folder / "ssh_config").write_text(known)
    programs = folder / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n')
    (programs / "ssh").chmod(0o755)
    command = [*inside, server, "-D", "-e", "-f", str(folder / "sshd_config")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _until_listening(address, port, process)
        yield port, programs
    finally:
        process.terminate()
        process.wait(timeout=20)


def _until_listening(address: str, port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None, "sshd ended"
        assert time.monotonic() < deadline, "sshd does not listen"
        try:
            socket.create_connection((address, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
