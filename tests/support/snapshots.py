"""Worlds to plan for, drawn by Hypothesis or made by hand."""

from __future__ import annotations

from hypothesis import strategies as st

from comporta.model.release import InstanceState, InstanceStatus, Occupant, SlotState
from comporta.model.snapshot import Snapshot
from comporta.model.traffic import Routing, Slot, Traffic
from support import specs


def slot_state(slot: Slot, occupant: Occupant | None, *, up: bool = True) -> SlotState:
    if occupant is None:
        return SlotState(slot=slot)
    state = InstanceState.RUNNING if up else InstanceState.STOPPED
    first = specs.SPEC.ports(slot).first
    instances = tuple(
        InstanceStatus(slot=slot, index=i, address=f"127.0.0.1:{first + i - 1}", state=state)
        for i in range(1, occupant.instances + 1)
    )
    return SlotState(slot=slot, occupant=occupant, instances=instances)


def serving(
    live: Slot, *, warm: int | None = None, failed: bool = False, up: bool = True, instances: int = 2
) -> Snapshot:
    """Release 2 serves from `live`; release `warm`, if given, is kept warm in the other slot, or `failed` there."""
    other = specs.occupant(warm, instances, warm_until=1e12, failed=failed) if warm else None
    states = {live: slot_state(live, specs.occupant(2, instances), up=up), live.other: slot_state(live.other, other)}
    traffic = Traffic().with_all_to(live, specs.release(2).ref)
    routing = Routing(running=True, topology=specs.topology(instances), traffic=traffic)
    return Snapshot(routing=routing, blue=states[Slot.BLUE], green=states[Slot.GREEN])


snapshots = st.one_of(
    st.just(specs.nothing_deployed()),
    st.builds(
        serving,
        st.sampled_from(Slot),
        warm=st.sampled_from([None, 1]),
        failed=st.booleans(),
        up=st.booleans(),
        instances=st.integers(1, 4),
    ),
)
