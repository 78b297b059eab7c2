"""Waiting until no request is in flight on a slot, so that stopping it loses none."""

from __future__ import annotations

from comporta.model.errors import ForeignChange
from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.step import Facts
from comporta.steps.waiting import until

LOOK_EVERY = 0.1
SURE_AFTER = 2
"""Looks in a row that must see nothing: a request may have chosen its slot and not yet connected to it."""


async def drain(slot: Slot, ports: Ports, *, deadline: float, beyond: int = 0) -> Facts:
    """Wait until the router has nothing open towards the slot, at most until the deadline (epoch seconds).

    Args:
        beyond: so many instances of the slot go on, the first ones: only the others are drained.

    Raises:
        ForeignChange: the router sends requests there: somebody changed it, and stopping the slot would lose them.

    Returns:
        `cut`: requests still in flight at the deadline (0 is a clean drain); `seconds`: how long it took.
    """
    await require_no_traffic(slot, ports, beyond=beyond)
    started = ports.clock.monotonic()
    quiet = in_flight = 0

    async def is_quiet() -> bool:
        nonlocal quiet, in_flight
        in_flight = await ports.router.in_flight(slot, beyond)
        quiet = quiet + 1 if in_flight == 0 else 0
        ports.operator.note(f"{in_flight} connections still open to {slot}")
        return quiet >= SURE_AFTER

    await until(is_quiet, ports, deadline=deadline, every=LOOK_EVERY)
    return {"cut": in_flight, "seconds": round(ports.clock.monotonic() - started, 3)}


async def require_no_traffic(slot: Slot, ports: Ports, *, beyond: int = 0) -> None:
    traffic = (await ports.router.observe()).traffic
    weights, count = traffic.weights, traffic.instances_in(slot)
    narrowed = count is not None and count <= beyond
    if weights is not None and weights.of(slot) > 0 and not narrowed:
        raise ForeignChange(
            f"cannot drain {slot}: the router sends {weights.of(slot)} % of the requests there",
            next="somebody changed the router by hand: put it right, then `comporta abort`",
        )
