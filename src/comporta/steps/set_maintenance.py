"""Put the maintenance page up because nothing can serve, or take it down because something can again."""

from __future__ import annotations

from comporta.ports.bundle import Ports
from comporta.steps.step import Effect, Facts, Step


class SetMaintenance(Step, frozen=True, tag="set-maintenance"):
    """`page`: what users get (HTML); None: the service again.

    Undoing leaves the page: a deployment that failed says nothing about whether there is something else to show.
    """

    page: str | None

    @property
    def title(self) -> str:
        return "take the maintenance page down" if self.page is None else "put the maintenance page up"

    async def check(self, ports: Ports) -> Effect:
        shown = (await ports.router.observe()).maintenance
        return Effect.IN_PLACE if shown is (self.page is not None) else Effect.ABSENT

    async def do(self, ports: Ports, began: float) -> Facts:
        await ports.router.maintain(self.page)
        return {}
