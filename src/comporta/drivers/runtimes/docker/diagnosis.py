"""What this machine has, or lacks, for running a service's releases as containers."""

from __future__ import annotations

from pathlib import Path

import anyio

from comporta.drivers.runtimes.docker import images
from comporta.drivers.runtimes.docker.api import Api
from comporta.drivers.runtimes.docker.containers import slot_key
from comporta.drivers.runtimes.docker.engine import Engine
from comporta.drivers.runtimes.docker.free import holders
from comporta.drivers.runtimes.docker.options import DockerOptions
from comporta.model.errors import ComportaError
from comporta.model.findings import Finding
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot


def diagnose(spec: EnvironmentSpec, options: DockerOptions) -> list[Finding]:
    return anyio.run(_diagnose, spec, options)


async def _diagnose(spec: EnvironmentSpec, options: DockerOptions) -> list[Finding]:
    engine = Engine.of(options, Path(spec.base))
    try:
        async with engine.session() as api:
            version = await api.get("/version")
            found = Finding(name="docker", ok=True, text=f"Docker Engine {version['Version']} at {engine.url}")
            ports = [await _ports(api, spec, options, slot, engine.is_local) for slot in Slot]
            return [found, await _images(api, spec, options), *ports]
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


async def _ports(api: Api, spec: EnvironmentSpec, options: DockerOptions, slot: Slot, local: bool) -> Finding:
    ports, host = spec.ports(slot), options.host or spec.instance_host
    taken = await holders(api, host, ports.take(len(ports)), slot_key(spec, slot), local=local)
    text = "; ".join(f"{port} is taken by {holder}" for port, holder in taken.items())
    return Finding(
        name=f"ports of {slot}",
        ok=not taken,
        text=text or f"{ports} are free or ours",
        next="stop what holds them, or give the slot other ports" if taken else "",
    )
