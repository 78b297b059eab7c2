"""What this machine has, or lacks, for running a service's releases as containers."""

from __future__ import annotations

from pathlib import Path

import anyio

from comporta.drivers.runtimes.docker import images
from comporta.drivers.runtimes.docker.api import Api
from comporta.drivers.runtimes.docker.containers import slot_key
from comporta.drivers.runtimes.docker.engine import Engine
from comporta.drivers.runtimes.docker.fleet import Fleet, Host
from comporta.drivers.runtimes.docker.free import holders
from comporta.drivers.runtimes.docker.options import DockerOptions
from comporta.model.errors import ComportaError
from comporta.model.findings import Finding
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot


def diagnose(spec: EnvironmentSpec, options: DockerOptions) -> list[Finding]:
    return anyio.run(_diagnose, spec, options)


async def _diagnose(spec: EnvironmentSpec, options: DockerOptions) -> list[Finding]:
    fleet = Fleet.of(spec, options)
    return [finding for host in fleet.hosts for finding in await _host(fleet, host, spec, options)]


async def _host(fleet: Fleet, host: Host, spec: EnvironmentSpec, options: DockerOptions) -> list[Finding]:
    engine = host.engine
    try:
        async with engine.session() as api:
            version = await api.get("/version")
            found = Finding(name="docker", ok=True, text=f"Docker Engine {version['Version']} at {engine.url}")
            ports = [await _ports(api, spec, fleet, host, slot) for slot in Slot]
            # They are built or pulled on the first one; the others get them from there.
            first = [await _images(api, spec, options)] if host == fleet.hosts[0] else []
            return [found, *first, *ports]
    except ComportaError as error:
        return [Finding(name="docker", ok=False, text=error.message, next=_advice(engine))]


def _advice(engine: Engine) -> str:
    if engine.is_local:
        return "install Docker Engine and start it (`systemctl start docker`), and join the group `docker`"
    return f"see that {engine.url} answers: `docker -H {engine.url} version`"


async def _images(api: Api, spec: EnvironmentSpec, options: DockerOptions) -> Finding:
    if options.build:
        place = Path(spec.base) / options.build.context / options.build.dockerfile
        ok = "{version}" in str(place) or place.is_file()
        text = f"images are built from {place}" if ok else f"there is no {place}"
        return Finding(name="images", ok=ok, text=text, next="" if ok else "write it, or correct `build`")
    count = len(await images.versions(api, options))
    text = f"{count} version{'s' * (count != 1)} of {options.image} here"
    if options.pull == "never":
        return Finding(name="images", ok=count > 0, text=text, next="" if count else "build one, or allow `pull`")
    return Finding(name="images", ok=True, text=f"{text}; others are pulled")


async def _ports(api: Api, spec: EnvironmentSpec, fleet: Fleet, host: Host, slot: Slot) -> Finding:
    ports = fleet.ports(host, spec.ports(slot), len(spec.ports(slot)))
    taken = await holders(api, host.address, ports, slot_key(spec, slot), local=host.engine.is_local)
    text = "; ".join(f"{port} is taken by {holder}" for port, holder in taken.items())
    where = f" on {host.address}" if len(fleet.hosts) > 1 else ""
    return Finding(
        name=f"ports of {slot}",
        ok=not taken,
        text=(text or f"{spec.ports(slot)} are free or ours") + where,
        next="stop what holds them, or give the slot other ports" if taken else "",
    )
