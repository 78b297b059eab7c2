"""From a version to an image, by its content: a tag may move, what was released stays what it is.

Each image that was released gets a tag of ours as well, so that a prune of images without a name leaves it alone.
"""

from __future__ import annotations

import re
from typing import Any

from comporta.drivers.runtimes.docker.api import Api
from comporta.drivers.runtimes.docker.options import DockerOptions
from comporta.drivers.runtimes.versions import suggest
from comporta.model.errors import ArtifactMissing
from comporta.model.spec import EnvironmentSpec

NO_IMAGE = "no version has an image here: build one (`release.docker.build`), or correct `release.docker.image`"


async def find(api: Api, image: str) -> dict[str, Any] | None:
    """What the engine knows of an image, by name or identity."""
    found: dict[str, Any] | None = await api.find(f"/images/{image}/json")
    return found


async def versions(api: Api, options: DockerOptions) -> list[str]:
    """The versions that have an image here, the newest first."""
    listed = await api.get("/images/json", filters={"reference": [options.reference("*")]})
    shape = re.compile(re.escape(options.image).replace(re.escape("{version}"), "(.+)"))
    tags = [tag for image in sorted(listed, key=_created, reverse=True) for tag in image["RepoTags"] or ()]
    return [match[1] for tag in tags if (match := shape.fullmatch(tag))]


async def require(api: Api, options: DockerOptions, version: str) -> dict[str, Any]:
    """The image that a version has here.

    Raises:
        ArtifactMissing: it has none; near and other versions are named.
    """
    reference = options.reference(version)
    if (image := await find(api, reference)) is None:
        raise ArtifactMissing(
            f"cannot find version {version}: there is no image {reference}",
            next=suggest(version, await versions(api, options), none=NO_IMAGE),
        )
    return image


def registry_digest(image: dict[str, Any], reference: str) -> str:
    """What a registry calls this very image (`name@sha256:…`); empty if it never was in that one."""
    name = reference.rpartition(":")[0]
    return next((digest for digest in image.get("RepoDigests") or () if digest.partition("@")[0] == name), "")


def _created(image: dict[str, Any]) -> int:
    return int(image["Created"])


class Kept:
    """The images of one environment's releases, known by tags of ours."""

    def __init__(self, api: Api, spec: EnvironmentSpec) -> None:
        self._api = api
        self._repository = f"comporta/{spec.service}.{spec.environment}"

    async def keep(self, identity: str) -> None:
        await self._api.post(f"/images/{identity}/tag", repo=self._repository, tag=identity.rpartition(":")[2][:12])

    def ours(self, tag: str) -> bool:
        """It is one that this environment gave."""
        return tag.startswith(f"{self._repository}:")

    def others(self, tag: str) -> bool:
        """It is one that another environment gave."""
        return tag.startswith("comporta/") and not self.ours(tag)
