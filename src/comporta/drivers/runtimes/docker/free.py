"""Whether a slot has what its containers need, before anything is changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from comporta.drivers.runtimes.docker.api import Api
from comporta.drivers.runtimes.docker.images import find
from comporta.drivers.runtimes.docker.launching import recorded
from comporta.drivers.runtimes.ports import foreign_holder, is_free
from comporta.model.errors import RuntimeFailure
from comporta.model.release import Occupant

EVERYWHERE = ("0.0.0.0", "::")


async def require_parts(api: Api, occupant: Occupant) -> None:
    """The image and the networks are there.

    Raises:
        RuntimeFailure: names what is missing.
    """
    version = occupant.artifact.version
    if await find(api, occupant.artifact.identity) is None:
        raise RuntimeFailure(
            f"cannot start {version}: its image {occupant.artifact.identity[:19]} "
            f"({occupant.artifact.launch['image']}) is gone",
            next=f"`comporta deploy {version}` builds or pulls it again, as a new release",
        )
    for network in recorded(occupant).networks:
        if await api.find(f"/networks/{network}") is None:
            raise RuntimeFailure(
                f"cannot start {version}: there is no network {network!r}", next=f"docker network create {network}"
            )


async def holders(
    api: Api, host: str, ports: Collection[int], key: Mapping[str, str], *, local: bool
) -> dict[int, str]:
    """Who holds which of the ports, for people, except for the slot's own containers.

    Args:
        key: the labels of the slot.
        local: the engine is on this machine, so that its processes can be seen.
    """
    taken, ours = dict[int, str](), set[int]()
    for container in await api.get("/containers/json"):
        published = {port["PublicPort"] for port in container["Ports"] if _reaches(port, host)} & set(ports)
        if key.items() <= (container["Labels"] or {}).items():
            ours |= published
        else:
            taken |= dict.fromkeys(published, f"container {container['Names'][0].lstrip('/')} ({container['Image']})")
    for port in set(ports) - ours - taken.keys() if local else ():
        if not is_free(host, port):
            taken[port] = foreign_holder(port, ())
    return dict(sorted(taken.items()))


def _reaches(port: Mapping[str, Any], host: str) -> bool:
    return "PublicPort" in port and port.get("IP", "") in (host, *EVERYWHERE)
