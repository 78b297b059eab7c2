"""Put the maintenance page up while nothing can serve or may write, or take it down because something can again."""

from __future__ import annotations

from comporta.ports.bundle import Ports
from comporta.steps.configure_router import bring_back
from comporta.steps.step import Effect, Facts, Step


class SetMaintenance(Step, frozen=True, tag="set-maintenance"):
    """Where nothing served, undoing leaves the page: a deployment that failed says nothing about what else to show.

    Attributes:
        page: what users get (HTML); None: the service again.
        served: something served when the page was put up, and does so again once all the rest is undone.
    """

    page: str | None
    served: bool = False

    @property
    def title(self) -> str:
        return "take the maintenance page down" if self.page is None else "put the maintenance page up"

    @property
    def undo_title(self) -> str:
        return "take the maintenance page down" if self.served else ""

    async def check(self, ports: Ports) -> Effect:
        shown = (await ports.router.observe()).maintenance
        return Effect.IN_PLACE if shown is (self.page is not None) else Effect.ABSENT

    async def do(self, ports: Ports, began: float) -> Facts:
        await ports.router.maintain(self.page)
        return {}

    async def undo(self, ports: Ports) -> Facts:
        if self.served:
            await bring_back(ports)
            await ports.router.maintain(None)
        return {}
