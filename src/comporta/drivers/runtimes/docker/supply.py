"""Building and pulling images, bringing them to every host, and what an engine says when it cannot."""

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
from comporta.drivers.runtimes.docker.fleet import Host, Reached
from comporta.drivers.runtimes.docker.options import Build, DockerOptions
from comporta.drivers.runtimes.placeholders import fill
from comporta.drivers.runtimes.versions import suggest, versions
from comporta.model.errors import ArtifactMissing, RuntimeFailure
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
            await follow(self._api.messages("/images/create", headers=self._logins(reference), fromImage=reference))
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
                await follow(told, said)
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


async def spread(reached: Reached, identity: str) -> bool:
    """Bring an image from a host that has it to those that have not: the very same one.

    Raises:
        RuntimeFailure: an engine does not take it as it is.

    Returns:
        Whether any host had it.
    """
    found = await reached.each(lambda _, api: images.find(api, identity))
    source = next((reached.apis[host] for host, image in found.items() if image), None)
    if source is None:
        return False

    async def bring(host: Host, api: Api) -> None:
        if found[host] is None:
            await _transfer(identity, source, api)

    await reached.each(bring)
    return True


async def _transfer(identity: str, source: Api, target: Api) -> None:
    async with aclosing(source.download(f"/images/{identity}/get")) as archive:
        headers = {"Content-Type": "application/x-tar"}
        await follow(target.messages("/images/load", content=archive, headers=headers, quiet=True))
    if await images.find(target, identity) is None:
        raise RuntimeFailure(
            f"cannot bring the image {identity[:19]} to every host: an engine knows it by another identity",
            next="let all engines keep images in the same way (with the containerd image store, or without)",
        )


async def follow(messages: AsyncGenerator[dict[str, Any], None], said: deque[str] | None = None) -> None:
    """Read to the end. A failure comes as a message, long after the engine said that all is well."""
    async with aclosing(messages):
        async for message in messages:
            if "error" in message:
                raise EngineError(500, str(message["error"]).strip())
            if said is not None and (text := str(message.get("stream", "")).rstrip()):
                said.extend(text.splitlines())
