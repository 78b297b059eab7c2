"""What is true of the world once all have come to rest, as seen from outside and in the journal's records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from comporta.model.journal import Kind, Outcome, Record
from comporta.model.traffic import Slot
from simulation.virtual_time import at_once
from simulation.world import World
from support.histories import ends, journal_truth, order


def violations(world: World) -> list[str]:
    """What is not as promised, in words; nothing is under way any more, and nobody tampers."""
    told = world.journal.all
    return [*users(world), *places(world), *lease(world), *chain(world), *ends(told), *order(told), *backups(world)]


def users(world: World) -> Iterator[str]:
    """No request was lost, and none went where it should not."""
    yield from world.broken
    if world.lost:
        yield f"{world.lost} requests were lost"


def places(world: World) -> Iterator[str]:
    """The router does what the journal says, what serves runs whole, and whatever else runs ends by itself."""
    snapshot = world.snapshot()
    live = snapshot.routing.traffic.live
    serving = snapshot.routing.traffic.release_in(live) if live else None
    told = journal_truth(world.journal.all)
    if told is not None and told != serving:
        yield f"the router sends requests to {serving}, and the journal says {told}"
    for slot in Slot:
        occupant = snapshot.slot(slot).occupant
        left_over = occupant is not None and slot is not live and occupant.warm_until is None
        if left_over and not needs_a_person(world.journal.all):
            yield f"{occupant} is left over in {slot}, without an end"
    if live and not snapshot.slot(live).running:
        yield f"not all instances of {live} run, which serves"


def needs_a_person(records: list[Record]) -> bool:
    """There was an incident, and no deployment since that came to a good end."""
    outcomes = [Outcome(r.data["outcome"]) for r in records if r.kind is Kind.FINISHED]
    since = outcomes[::-1][: outcomes[::-1].index(Outcome.PROMOTED)] if Outcome.PROMOTED in outcomes else outcomes
    return Outcome.INCIDENT in since


def lease(world: World) -> Iterator[str]:
    """It is free, or its holder is dead: then the next command displaces it."""
    if (held := world.leases()) is not None and held.holder.pid in world.living:
        yield f"process {held.holder.pid} still holds the lease"


def chain(world: World) -> Iterator[str]:
    """The chain of hashes is whole, and once a newer lease has written, an older one never writes again."""
    if (broken := at_once(world.journal.verify())) is not None:
        yield f"record {broken.sequence} breaks the chain"
    generations = [r.generation for r in world.journal.all if r.generation is not None]
    if generations != sorted(generations):
        yield "an older lease wrote after a newer one"


def backups(world: World) -> Iterator[str]:
    """What is not idempotent is done once: a backup of the whole database takes long."""
    reasons = [reason for reason, _ in world.vault.kept]
    yield from (f"{reason}: {count} backups" for reason, count in Counter(reasons).items() if count > 1)
