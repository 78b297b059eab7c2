"""What old releases left on an engine: images with our tags or their own, and containers that have ended.

Only names are given up: an image goes when nobody else has a name for it, and nothing is made of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from typing import Any

from comporta.drivers.runtimes.docker.api import Api, EngineError
from comporta.drivers.runtimes.docker.containers import VERSION, Container
from comporta.drivers.runtimes.docker.images import Kept, find
from comporta.model.release import Artifact, Leftover

IN_USE = 409
"""What the engine answers where a container needs what is to be removed, or has been started."""
Image = Mapping[str, Any]


async def container_left(api: Api, container: Container) -> Leftover:
    sized = await api.get(f"/containers/{container.id}/json", size=True)
    return Leftover(
        kind="container",
        version=container.labels[VERSION],
        parts=(sized["Name"].lstrip("/"),),
        bytes=sized.get("SizeRw") or 0,
        ours=True,
    )


async def images_left(
    api: Api, kept: Kept, known: Collection[Artifact], needed: Collection[Artifact], *, ending: Collection[str]
) -> list[Leftover]:
    """The oldest first.

    Args:
        ending: containers that go before.
    """
    containers = await api.get("/containers/json", all=True)
    stay = {artifact.identity for artifact in needed}
    stay |= {container["ImageID"] for container in containers if container["Id"] not in ending}
    listed = sorted(await api.get("/images/json"), key=lambda image: int(image["Created"]))
    doomed = {
        image["Id"]: names for image in listed if image["Id"] not in stay and (names := _to_give_up(image, kept, known))
    }
    if not doomed:
        return []
    freed = await _freed(api, [image["Id"] for image in listed], _gone(listed, doomed))
    return [
        Leftover(
            kind="image",
            version=_version(image, known),
            parts=doomed[image["Id"]],
            bytes=freed.get(image["Id"], 0),
            ours=any(kept.ours(name) for name in doomed[image["Id"]]),
        )
        for image in listed
        if image["Id"] in doomed
    ]


async def remove(api: Api, leftover: Leftover) -> None:
    """Our own tag is the last to go: until then, the image is known as ours."""
    for part in leftover.parts:
        try:
            if leftover.kind == "container":
                await api.delete(f"/containers/{part}", v=True)
            else:
                await api.delete(f"/images/{part}")
        except EngineError as error:
            if error.status != IN_USE:
                raise


def _to_give_up(image: Image, kept: Kept, known: Collection[Artifact]) -> tuple[str, ...]:
    """The names under which it was released, then ours; its identity, where a release has no name any more."""
    released = {artifact.launch["image"] for artifact in _releases(image, known)}
    tags = _tags(image)
    ours = [tag for tag in tags if kept.ours(tag)]
    elsewhere = any(kept.others(tag) for tag in tags)
    names = [*(tag for tag in tags if tag in released and not elsewhere), *ours]
    return tuple(names) or ((image["Id"],) if released and not tags else ())


def _gone(listed: Sequence[Image], doomed: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Those that keep no name."""
    return [image["Id"] for image in listed if image["Id"] in doomed and not {*_tags(image)} - {*doomed[image["Id"]]}]


async def _freed(api: Api, every: Sequence[str], gone: Sequence[str]) -> dict[str, int]:
    """What is free without each image, in bytes: its layers that no other needs.

    The engine tells the sizes of layers only in an image's history, where some stand for no layer: those have no size.
    """
    details = {identity: image for identity in every if (image := await find(api, identity))}
    used = {layer for identity in details.keys() - {*gone} for layer in _layers(details[identity])}
    freed = {}
    for identity in (one for one in gone if one in details):
        layers = _layers(details[identity])
        sizes = [entry["Size"] for entry in await api.get(f"/images/{identity}/history") if entry["Size"]]
        own = len([layer for layer in layers if layer not in used]) - (len(layers) - len(sizes))
        freed[identity] = sum(sizes[: max(0, own)])
        used.update(layers)
    return freed


def _layers(image: Image) -> list[str]:
    """Each with all that are below it, as that is how images share them."""
    return list(accumulate(image["RootFS"].get("Layers") or (), lambda below, layer: f"{below} {layer}"))


def _tags(image: Image) -> list[str]:
    return [tag for tag in image["RepoTags"] or () if not tag.startswith("<none>")]


def _releases(image: Image, known: Collection[Artifact]) -> list[Artifact]:
    return [one for one in known if one.runtime == "docker" and one.identity == image["Id"]]


def _version(image: Image, known: Collection[Artifact]) -> str:
    versions = dict.fromkeys(artifact.version for artifact in _releases(image, known))
    return ", ".join(versions) or "a forgotten release"
