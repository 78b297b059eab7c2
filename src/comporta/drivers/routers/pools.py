"""How many instances of a slot get requests: a slot must have them."""

from __future__ import annotations

from comporta.model.errors import RouterError
from comporta.model.traffic import Slot, Topology, Traffic


def require_instances(what: str, traffic: Traffic, topology: Topology) -> None:
    """Raises RouterError: it cannot be done, as a slot lacks instances that are to get requests."""
    if not topology.has_instances(traffic):
        wanted = [f"{traffic.instances_in(slot)} of {len(topology.addresses(slot))} in {slot}" for slot in Slot]
        raise RouterError(f"cannot {what}: they would be {', '.join(wanted)}")
