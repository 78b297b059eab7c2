"""Building and pulling images, and what the engine says when it cannot."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio.to_thread

from comporta.drivers.runtimes.docker import images, logins
from comporta.drivers.runtimes.docker.api import Api, EngineError
from comporta.drivers.runtimes.docker.context import chunks, pack
from comporta.drivers.runtimes.docker.options import Build, DockerOptions
from comporta.drivers.runtimes.placeholders import fill
from comporta.drivers.runtimes.versions import suggest, versions
from comporta.model.errors import ArtifactMissing
from comporta.model.spec import EnvironmentSpec
from comporta.ports.secrets import Secrets

SHOWN_LINES = 20


class Supply:
    """Makes sure that a version's image is on the engine."""

    def __init__(self, api: Api, spec: EnvironmentSpec, options: DockerOptions, secrets: Secrets) -> None:
        self._api = api
        self._spec = spec
        self._options = options
        self._secrets = secrets

    async def provide(self, version: str) -> dict[str, Any]:
        """Build or pull it as the config says, and give back what the engine knows of it.

        Raises:
            ArtifactMissing: there is no such version, or it cannot be built or pulled: in the engine's words.
        """
        options, reference = self._options, self._options.reference(version)
        if options.build:
            await self._build(options.build, version, reference)
        elif options.pull == "always" or (options.pull == "missing" and not await images.find(self._api, reference)):
            await self.pull(reference, version)
        return await images.require(self._api, options, version)

    async def pull(self, reference: str, version: str) -> None:
        """`reference`: name:tag, or name@digest."""
        try:
            await self._follow(
                self._api.messages("/images/create", headers=self._logins(reference), fromImage=reference)
            )
        except EngineError as error:
            raise ArtifactMissing(
                f"cannot pull {reference} for version {version}: {error.said}",
                next=suggest(version, await images.versions(self._api, self._options), none=images.NO_IMAGE),
            ) from error

    async def _build(self, build: Build, version: str, reference: str) -> None:
        context = self._context(build, version)
        private = [Path(path).resolve() for path in (self._spec.state, self._spec.env_file) if path]
        with tempfile.TemporaryFile() as archive:
            needed = (build.dockerfile, ".dockerignore")
            await anyio.to_thread.run_sync(lambda: pack(context, needed=needed, private=private, into=archive))
            told = self._api.messages(
                "/build",
                content=chunks(archive),
                headers={"Content-Type": "application/x-tar", **self._logins(reference)},
                t=reference,
                dockerfile=build.dockerfile,
                target=build.target,
                buildargs={name: fill(text, {"version": version}) for name, text in build.args.items()},
                forcerm=True,
            )
            said = deque[str](maxlen=SHOWN_LINES)
            try:
                await self._follow(told, said)
            except EngineError as error:
                raise ArtifactMissing(
                    f"cannot build version {version}: {error.said}",
                    details=[self._secrets.redact(line) for line in said],
                    next=f"correct {context / build.dockerfile}, and deploy again; nothing was changed",
                ) from error

    def _context(self, build: Build, version: str) -> Path:
        base = Path(self._spec.base)
        context = (base / build.context.replace("{version}", version)).resolve()
        if not (context / build.dockerfile).is_file():
            known = versions(base, build.context) if "{version}" in build.context else []
            raise ArtifactMissing(
                f"cannot build version {version}: there is no {context / build.dockerfile}",
                next=suggest(version, known, none="write it, or correct `release.docker.build`"),
            )
        return context

    def _logins(self, reference: str) -> dict[str, str]:
        return logins.headers(reference, self._options.registry, self._secrets)

    async def _follow(self, messages: AsyncGenerator[dict[str, Any], None], said: deque[str] | None = None) -> None:
        """Read to the end. A failure comes as a message, long after the engine said that all is well."""
        async with aclosing(messages):
            async for message in messages:
                if "error" in message:
                    raise EngineError(500, str(message["error"]).strip())
                if said is not None and (text := str(message.get("stream", "")).rstrip()):
                    said.extend(text.splitlines())
