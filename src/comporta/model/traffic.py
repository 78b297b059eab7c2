"""Slots, weights and what a router is told and tells."""

from __future__ import annotations

import enum

from comporta.model.values import Value


class Slot(enum.StrEnum):
    """A seat for the instances of one release."""

    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> Slot:
        return Slot.GREEN if self is Slot.BLUE else Slot.BLUE


class Weights(Value, frozen=True):
    """The share of requests each slot gets, in whole percent; they sum to 100."""

    blue: int
    green: int

    def __post_init__(self) -> None:
        if self.blue < 0 or self.green < 0 or self.blue + self.green != 100:
            raise ValueError(f"weights must be 0 to 100 and sum to 100, not {self.blue} + {self.green}")

    @classmethod
    def all_to(cls, slot: Slot) -> Weights:
        return cls(blue=100, green=0) if slot is Slot.BLUE else cls(blue=0, green=100)

    @classmethod
    def giving(cls, slot: Slot, share: int) -> Weights:
        """So many percent to the slot, and the rest to the other."""
        return cls(blue=share, green=100 - share) if slot is Slot.BLUE else cls(blue=100 - share, green=share)

    def of(self, slot: Slot) -> int:
        return self.blue if slot is Slot.BLUE else self.green

    @property
    def whole(self) -> Slot | None:
        """The slot that gets everything, or None while traffic is split."""
        return next((slot for slot in Slot if self.of(slot) == 100), None)


class ReleaseRef(Value, frozen=True):
    """A release by its number, with the version that people know it by."""

    number: int
    version: str

    def __str__(self) -> str:
        return f"{self.version} (release {self.number})"


class Traffic(Value, frozen=True):
    """Where requests go, and which release answers from each slot.

    `weights` is None while the router is closed: nothing was ever deployed, and users get a 503. `blue_instances` and
    `green_instances`: only so many of the slot's instances get requests, the first ones; None: all that there are.
    """

    weights: Weights | None = None
    blue: ReleaseRef | None = None
    green: ReleaseRef | None = None
    blue_instances: int | None = None
    green_instances: int | None = None

    def release_in(self, slot: Slot) -> ReleaseRef | None:
        return self.blue if slot is Slot.BLUE else self.green

    def instances_in(self, slot: Slot) -> int | None:
        return self.blue_instances if slot is Slot.BLUE else self.green_instances

    @property
    def spread(self) -> tuple[Weights | None, int | None, int | None]:
        """Where requests go, whichever releases answer."""
        return self.weights, self.blue_instances, self.green_instances

    @property
    def live(self) -> Slot | None:
        """The slot that gets all the traffic; None while closed or split."""
        return self.weights.whole if self.weights else None

    @property
    def split(self) -> Weights | None:
        """The weights while both slots get requests; else None."""
        return self.weights if self.weights and not self.weights.whole else None

    def with_all_to(self, slot: Slot, release: ReleaseRef) -> Traffic:
        """The same router with all requests going to `release` in `slot`."""
        blue, green = (release, self.green) if slot is Slot.BLUE else (self.blue, release)
        return Traffic(weights=Weights.all_to(slot), blue=blue, green=green)


class Topology(Value, frozen=True):
    """What stands in the router's file: changing it may need a reload, unlike changing `Traffic`.

    Addresses are `host:port`. `server_name` is the domain that users call, without a port. `stages` are the shares of
    the candidate, in percent, that every router can set without a reload.
    """

    listen: str
    server_name: str
    blue: tuple[str, ...]
    green: tuple[str, ...]
    stages: tuple[int, ...] = ()

    def addresses(self, slot: Slot) -> tuple[str, ...]:
        return self.blue if slot is Slot.BLUE else self.green

    def has_stage(self, weights: Weights) -> bool:
        """Whether either slot's share is one of the stages."""
        return weights.blue in self.stages or weights.green in self.stages

    def has_instances(self, traffic: Traffic) -> bool:
        """Whether each slot has as many instances as are to get requests."""
        wanted = [(traffic.instances_in(slot), len(self.addresses(slot))) for slot in Slot]
        return all(count is None or 1 <= count <= there for count, there in wanted)


class Routing(Value, frozen=True):
    """What was observed of the router.

    Attributes:
        running: the proxy is up and serves the topology below.
        topology: the topology last proven to be in force; None if the router was never set up.
        traffic: read back from where the proxy itself reads it, never from memory.
        tampered: why the router's files are not as comporta left them; empty when they are.
        maintenance: users get the maintenance page, wherever `traffic` would send them.
    """

    running: bool
    topology: Topology | None
    traffic: Traffic
    tampered: str = ""
    maintenance: bool = False
