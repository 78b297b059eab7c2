"""The driver that decides which slot answers a request."""

from __future__ import annotations

from typing import Protocol

from comporta.model.figures import Reading
from comporta.model.traffic import Routing, Slot, Topology, Traffic


class Router(Protocol):
    """Every verb is idempotent, and safe to repeat after a crash in the middle of it."""

    async def observe(self) -> Routing:
        """What the proxy does now, read back from where the proxy reads it. Changes nothing."""

    async def configure(self, topology: Topology) -> None:
        """Put the topology in force and prove it; traffic stays as it is. Starts the proxy if it is ours and down.

        Does nothing when this topology is in force already. When a proxy serves another topology, it is
        reloaded; returns only when the new generation serves and no old worker accepts connections.

        Raises:
            RouterError: refused or not proven; the previous topology still serves.
        """

    def reload_note(self, topology: Topology, current: Routing) -> str:
        """What `configure` would cost, for the plan: empty when it changes nothing that users could notice."""

    async def remove(self) -> None:
        """Take our part out of the proxy (stop it, if it is ours). The opposite of the first `configure`."""

    async def shift(self, to: Traffic) -> None:
        """Send requests where `to` says, at once and without a reload, and read it back.

        While traffic is split, a client stays with the release it met first, also when the share of that release
        grows; a request with the header `X-Comporta-Slot` goes to the slot that it names.

        Raises:
            RouterError: refused, or not in force afterwards.
        """

    async def maintain(self, page: str | None) -> None:
        """Answer users with this page (HTML) and a 503, at once and without a reload; None: serve them again.

        A line break in it may come as a space, which is the same in HTML.

        Where traffic goes is another question: it can be shifted meanwhile. Requests with `own_headers` see through
        it, so that a release can be deployed and proven behind the page.

        Raises:
            RouterError: refused, or not in force afterwards.
        """

    @property
    def own_headers(self) -> dict[str, str]:
        """What marks a request as comporta's own: it counts for nobody, and sees through maintenance.

        Empty for a router that was never set up.
        """

    @property
    def bypass_headers(self) -> dict[str, str]:
        """The same for people who look behind the maintenance page: they are served as users are, and not counted."""

    async def in_flight(self, slot: Slot, beyond: int = 0) -> int:
        """Requests the proxy still has open towards the slot. 0 means that the slot may be stopped.

        Args:
            beyond: leave so many instances of the slot out, the first ones.
        """

    async def count(self, since: str | None) -> Reading:
        """Requests answered since the cursor; None starts counting now. May lag behind by a fraction of a second."""

    async def life(self) -> str | None:
        """Another text each time the proxy was started anew, and an empty one while it does not run.

        So who looks twice knows whether it ran all the time between: while it is down, nobody counts what users ask.
        None where that cannot be told.
        """

    async def recent(self, seconds: float) -> Reading:
        """Requests answered in the last `seconds`, as far as the router still has them, and the cursor after them."""

    async def answering(self, path: str, slot: Slot | None = None) -> int | None:
        """Ask `path` at the public address, as a new user would: the number of the release that answered.

        None when no release did (closed, or nobody there).

        Args:
            slot: while traffic is split, be a user of this slot.
        """

    @property
    def address(self) -> str:
        """host:port at which the router answers users' requests, as seen from this host."""
