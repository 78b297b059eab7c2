"""An authority of our own, with a certificate for a server on the loopback and one for its clients."""

from __future__ import annotations

import subprocess
from pathlib import Path

AUTHORITY = ["-subj", "/CN=comporta-test", "-keyout", "ca-key.pem", "-out", "ca.pem", "-days", "2"]


def make(folder: Path) -> Path:
    """The folder with ca.pem, cert.pem and key.pem (a client's), server.pem and server-key.pem."""
    folder.mkdir(parents=True, exist_ok=True)
    _openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", *AUTHORITY)
    _signed(folder, "key.pem", "cert.pem", "extendedKeyUsage=clientAuth")
    _signed(folder, "server-key.pem", "server.pem", "subjectAltName=IP:127.0.0.1,DNS:localhost")
    return folder


def _signed(folder: Path, key: str, certificate: str, extension: str) -> None:
    (folder / "extension").write_text(extension)
    _openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-keyout", key, "-out", "request")
    signed_by = ["-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-extfile", "extension", "-days", "2"]
    _openssl(folder, "x509", "-req", "-in", "request", *signed_by, "-out", certificate)


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
