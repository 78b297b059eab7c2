"""Put a topology in force at the router: the only step that may reload the proxy."""

from __future__ import annotations

from comporta.model.errors import ForeignChange
from comporta.model.traffic import Topology
from comporta.ports.bundle import Ports
from comporta.steps.step import Effect, Facts, Step


async def bring_back(ports: Ports) -> None:
    """Start a proxy that died with what it served: whoever undoes wants users to be served again.

    It stays down where somebody changed its file by hand, as that would be overwritten.

    Raises:
        RouterError: it cannot be started from here.
    """
    routing = await ports.router.observe()
    if not routing.running and routing.topology is not None and not routing.tampered:
        await ports.router.configure(routing.topology)


class ConfigureRouter(Step, frozen=True, tag="configure-router"):
    to: Topology
    back_to: Topology | None

    @property
    def title(self) -> str:
        verb = "set up" if self.back_to is None else "check" if self.back_to == self.to else "reconfigure"
        return f"{verb} the router at {self.to.listen}"

    @property
    def undo_title(self) -> str:
        if self.back_to is None:
            return "remove the router"
        return "" if self.back_to == self.to else "restore the router's previous file"

    async def check(self, ports: Ports) -> Effect:
        routing = await ports.router.observe()
        if routing.tampered or routing.topology not in (self.to, self.back_to, None):
            return Effect.FOREIGN
        return Effect.IN_PLACE if routing.running and routing.topology == self.to else Effect.ABSENT

    async def do(self, ports: Ports, began: float) -> Facts:
        await ports.router.configure(self.to)
        return {}

    async def undo(self, ports: Ports) -> Facts:
        if self.back_to is None:
            await self._require_closed(ports)
            await ports.router.remove()
        else:
            await ports.router.configure(self.back_to)
        return {}

    async def _require_closed(self, ports: Ports) -> None:
        """Whatever this deployment had sent there was sent back before: it is not ours to take from users."""
        if (await ports.router.observe()).traffic.weights is not None:
            raise ForeignChange(
                f"cannot remove the router at {self.to.listen}: somebody made it send requests to an instance",
                next="put the router right, then `comporta abort`; or `comporta down` takes all of it away",
            )
