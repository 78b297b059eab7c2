"""Send requests to another slot, read it back, and prove it from outside."""

from __future__ import annotations

from comporta.model.errors import RouterError, StepFailed
from comporta.model.traffic import Traffic
from comporta.ports.bundle import Ports
from comporta.steps.step import Effect, Facts, Step
from comporta.steps.waiting import until

PROOF_WITHIN = 5.0
PROOF_EVERY = 0.05


class ShiftTraffic(Step, frozen=True, tag="shift-traffic"):
    """`proof_path` is asked at the public address after the switch; the new release must be the one that answers."""

    exposes = True

    to: Traffic
    back_to: Traffic
    proof_path: str

    @property
    def title(self) -> str:
        return f"switch traffic to {describe(self.to)}"

    @property
    def undo_title(self) -> str:
        return f"switch traffic back to {describe(self.back_to)}"

    async def check(self, ports: Ports) -> Effect:
        traffic = (await ports.router.observe()).traffic
        if traffic == self.to:
            return Effect.IN_PLACE
        return Effect.ABSENT if traffic.weights == self.back_to.weights else Effect.FOREIGN

    async def do(self, ports: Ports, began: float) -> Facts:
        await self._require_running(ports)
        return await self._shift(self.to, ports)

    async def undo(self, ports: Ports) -> Facts:
        if (await ports.router.observe()).traffic == self.back_to:
            return {}
        return await self._shift(self.back_to, ports)

    async def _require_running(self, ports: Ports) -> None:
        """The instances were healthy once; that may have been before a crash of ours, or a reboot."""
        slot = self.to.live
        if slot is not None and not (await ports.runtime.observe(slot)).running:
            raise StepFailed(
                f"cannot switch traffic to {slot}: not all of its instances run any more",
                next=f"deploy again; `comporta logs --slot {slot}` has what they wrote (or with --previous)",
            )

    async def _shift(self, to: Traffic, ports: Ports) -> Facts:
        started = ports.clock.monotonic()
        await ports.router.shift(to)
        switched = ports.clock.monotonic() - started
        await self._prove(to, ports)
        return {"switch_seconds": round(switched, 6)}

    async def _prove(self, to: Traffic, ports: Ports) -> None:
        release = to.release_in(to.live) if to.live else None
        expected = release.number if release else None
        answered: int | None = None

        async def answers() -> bool:
            nonlocal answered
            answered = await ports.router.answering(self.proof_path)
            return answered == expected

        if not await until(answers, ports, deadline=ports.clock.now() + PROOF_WITHIN, every=PROOF_EVERY):
            raise RouterError(
                f"cannot prove the switch: release {answered} answers at {ports.router.address}, not {expected}",
                next="`comporta status` shows what the router does; its error log says why",
            )


def describe(traffic: Traffic) -> str:
    """Where the requests go, for people."""
    if traffic.weights is None:
        return "nobody (closed)"
    if traffic.live is None:
        return f"blue {traffic.weights.blue} %, green {traffic.weights.green} %"
    release = traffic.release_in(traffic.live)
    return f"{release.version} in {traffic.live}" if release else str(traffic.live)
