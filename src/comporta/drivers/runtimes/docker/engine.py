"""A Docker Engine, and how to reach it: a unix socket, TCP with TLS, or a socket that OpenSSH forwards."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from msgspec import Struct

from comporta.drivers.runtimes.docker.api import Api
from comporta.drivers.runtimes.docker.options import DockerOptions
from comporta.drivers.runtimes.docker.tunnel import SOCKET, tunnel
from comporta.model.errors import ConfigError

LOCAL = f"unix://{SOCKET}"


class Engine(Struct, frozen=True):
    """`tls`: the folder of the certificates, for `tcp://`."""

    url: str
    tls: str = ""

    @classmethod
    def of(
        cls, options: DockerOptions, base: Path, environ: Mapping[str, str] = os.environ, *, url: str | None = None
    ) -> Engine:
        """The engine at `url`, else the configured one, else the one that Docker's own client would talk to."""
        url = url or options.engine or environ.get("DOCKER_HOST") or LOCAL
        tls = str(base / options.tls) if options.tls else environ.get("DOCKER_CERT_PATH", "")
        return cls(url, tls if url.startswith("tcp:") else "")

    @property
    def is_local(self) -> bool:
        return self.url.startswith("unix:")

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Api]:
        """A connection for some questions.

        Raises:
            Unreachable: the engine does not answer (also from each question).
        """
        parts = urlsplit(self.url)
        if parts.scheme == "ssh":
            async with tunnel(self.url) as path, self._api(_socket(path)) as api:
                yield api
        elif parts.scheme == "tcp":
            transport = httpx2.AsyncHTTPTransport(verify=self._certificates(), trust_env=False)
            async with self._api(transport, f"https://{parts.netloc}") as api:
                yield api
        else:
            async with self._api(_socket(parts.path)) as api:
                yield api

    @asynccontextmanager
    async def _api(self, transport: httpx2.AsyncBaseTransport, base: str = "http://docker") -> AsyncIterator[Api]:
        async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
            yield Api(client, self.url)

    def _certificates(self) -> ssl.SSLContext:
        if not self.tls:
            raise ConfigError(
                f"cannot use {self.url}: without TLS, whoever reaches an engine is root there",
                next="set `release.docker.tls` to a folder with ca.pem, cert.pem and key.pem, or use ssh://",
            )
        folder = Path(self.tls)
        try:
            context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
            context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        except OSError as error:
            raise ConfigError(f"cannot read ca.pem, cert.pem and key.pem in {folder}: {error}") from error
        return context


def _socket(path: str) -> httpx2.AsyncHTTPTransport:
    return httpx2.AsyncHTTPTransport(uds=path, verify=False, trust_env=False)
