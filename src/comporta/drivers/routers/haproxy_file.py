"""HAProxy's file for a topology."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable

from comporta.drivers.routers.haproxy_control import Servers
from comporta.drivers.routers.haproxy_home import Home
from comporta.drivers.routers.haproxy_options import HaproxyOptions
from comporta.drivers.routers.home import File
from comporta.drivers.routers.ports import resolved
from comporta.drivers.routers.writing import ADDRESS, DOMAIN, NAME, checked, maintenance_values, template
from comporta.model.errors import RouterError
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot, Topology, Traffic

PATH = re.compile(r"/[\w./@+~=-]*")
"""What needs no quoting in HAProxy's file, nor on its socket."""


def render(
    spec: EnvironmentSpec, options: HaproxyOptions, home: Home, topology: Topology, *, token: str, bypass: str
) -> File:
    """The file for a topology: a whole one for an HAProxy of our own, else what stands beside others' files.

    Its generation is that of all but which servers are in use: that is changed without a reload.

    Raises:
        RouterError: a value cannot stand in such a file.
    """
    values = {
        "managed": options.external is None,
        "root": os.geteuid() == 0,
        "service": checked(NAME, spec.service, "service name"),
        "environment": checked(NAME, spec.environment, "environment name"),
        "name": frontend(spec),
        "map": checked(PATH, str(home.traffic), "path of the state directory"),
        "listen": checked(ADDRESS, topology.listen, "address to listen on"),
        "token": checked(NAME, token, "probe token"),
        "bypass": checked(NAME, bypass, "bypass token"),
        "page_map": checked(PATH, str(home.maintenance), "path of the state directory"),
        "maintenance": maintenance_values(spec.maintenance),
        "options": options,
    }
    domain = checked(DOMAIN, topology.server_name, "domain")
    seats = {slot.value: [(server_name(seat), seat) for seat in _seats(spec, topology, slot)] for slot in Slot}
    page = template("haproxy.cfg.jinja")
    frame = page.render(values, domain="", seats=seats, used=(), generation="")
    generation = hashlib.sha256(frame.encode()).hexdigest()[:16]
    used = topology.blue + topology.green
    text = page.render(values, domain=domain, seats=seats, used=used, generation=generation)
    return File(topology=topology, text=text, generation=generation)


def file_name(spec: EnvironmentSpec) -> str:
    """The name of our file among others; HAProxy reads a folder's `*.cfg`."""
    return f"{frontend(spec)}.cfg"


def frontend(spec: EnvironmentSpec) -> str:
    """The name of our frontend, and the first part of our backends'."""
    return (
        f"comporta.{checked(NAME, spec.service, 'service name')}.{checked(NAME, spec.environment, 'environment name')}"
    )


def backend(spec: EnvironmentSpec, slot: Slot) -> str:
    return f"{frontend(spec)}.{slot}"


def servers(spec: EnvironmentSpec, topology: Topology, slot: Slot) -> Servers:
    """The servers of a slot as HAProxy is to tell them."""
    used = topology.addresses(slot)
    return {
        server_name(address): resolved(address) if address in used else None for address in _seats(spec, topology, slot)
    }


def pools(spec: EnvironmentSpec, slot: Slot) -> Callable[[str], bool]:
    """Whether a backend is one of the slot's: the whole slot, or its first instances."""
    whole = backend(spec, slot)
    return lambda name: name == whole or name.startswith(f"{whole}.")


def require_first_seats(spec: EnvironmentSpec, topology: Topology, traffic: Traffic) -> None:
    """Raises RouterError: HAProxy can send requests to the first instances only where they sit in the first seats."""
    for slot in Slot:
        first = _seats(spec, topology, slot)[: traffic.instances_in(slot) or 0]
        if first != list(topology.addresses(slot)[: len(first)]):
            raise RouterError(
                f"cannot send requests to {len(first)} instances of {slot}: they are not in its first seats"
            )


def _seats(spec: EnvironmentSpec, topology: Topology, slot: Slot) -> list[str]:
    """Where the slot may ever have an instance. Each has a server line of its own, which never leads elsewhere: HAProxy
    would go on using the connections that it has to the old address."""
    used = topology.addresses(slot)
    if not used:
        raise RouterError(f"cannot write the proxy's file: slot {slot} has no instances")
    ports = spec.ports(slot)
    possible = [f"{spec.instance_host}:{port}" for port in ports.take(len(ports))]
    others = [address for address in used if address not in possible]
    return [checked(ADDRESS, address, "address of an instance") for address in possible + others]


def server_name(address: str) -> str:
    """A server's name: its address, without the brackets of IPv6."""
    return address.translate(str.maketrans("", "", "[]"))
