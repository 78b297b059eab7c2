"""Send requests to another slot, read it back, and prove it from outside."""

from __future__ import annotations

from contextlib import suppress

from comporta.model.errors import RouterError, StepFailed
from comporta.model.release import InstanceState
from comporta.model.traffic import Slot, Traffic
from comporta.ports.bundle import Ports
from comporta.steps.configure_router import bring_back
from comporta.steps.step import Effect, Facts, Step
from comporta.steps.waiting import until

PROOF_WITHIN = 5.0
PROOF_EVERY = 0.05


class ShiftTraffic(Step, frozen=True, tag="shift-traffic"):
    """`proof_path` is asked at the public address after the switch; the new release must be the one that answers.

    Attributes:
        back_to: undoing goes there at once, however many switches there were before this one.
        coming_from: what the switch before this one left, where that is not `back_to`.
    """

    exposes = True

    to: Traffic
    back_to: Traffic
    proof_path: str
    coming_from: Traffic | None = None

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
        known = (self.back_to, self.coming_from or self.back_to)
        return Effect.ABSENT if traffic.spread in [t.spread for t in known] else Effect.FOREIGN

    async def do(self, ports: Ports, began: float) -> Facts:
        for slot in served(self.to):
            if slot not in served(self.back_to) or _grows(slot, self.back_to, self.to):
                await self._require_all_running(slot, ports)
        return await self._shift(self.to, ports)

    async def undo(self, ports: Ports) -> Facts:
        if (await ports.router.observe()).traffic == self.back_to:
            with suppress(RouterError):  # where requests go is as before, whether or not the proxy is there
                await bring_back(ports)
            return {}
        await bring_back(ports)
        for slot in served(self.back_to):
            await self._require_one_running(slot, ports)
        return await self._shift(self.back_to, ports)

    async def _require_all_running(self, slot: Slot, ports: Ports) -> None:
        """The instances were healthy once; that may have been before a crash of ours, or a reboot."""
        if not (await ports.runtime.observe(slot)).running:
            raise StepFailed(
                f"cannot switch traffic to {slot}: not all of its instances run any more",
                next=f"deploy again; `comporta logs --slot {slot}` has what they wrote (or with --previous)",
            )

    async def _require_one_running(self, slot: Slot, ports: Ports) -> None:
        """Going back to nobody would be worse than staying: a person has to decide."""
        instances = (await ports.runtime.observe(slot)).instances[: self.back_to.instances_in(slot)]
        states = [instance.state for instance in instances]
        if InstanceState.RUNNING not in states:
            raise StepFailed(
                f"cannot switch traffic back to {slot}: nothing runs there any more",
                next="the new release goes on serving; `comporta status` shows it, `comporta deploy` replaces it",
            )

    async def _shift(self, to: Traffic, ports: Ports) -> Facts:
        started = ports.clock.monotonic()
        await ports.router.shift(to)
        switched = ports.clock.monotonic() - started
        await self._prove(to, ports)
        return {"switch_seconds": round(switched, 6)}

    async def _prove(self, to: Traffic, ports: Ports) -> None:
        """Each slot with a share answers, and with the release that sits in it; nobody answers while closed."""
        if to.weights is None:
            await self._prove_one(None, None, ports)
            return
        for slot in served(to):
            if release := to.release_in(slot):
                await self._prove_one(slot, release.number, ports)

    async def _prove_one(self, slot: Slot | None, expected: int | None, ports: Ports) -> None:
        answered: int | None = None

        async def answers() -> bool:
            nonlocal answered
            answered = await ports.router.answering(self.proof_path, slot)
            return answered == expected

        if not await until(answers, ports, deadline=ports.clock.now() + PROOF_WITHIN, every=PROOF_EVERY):
            raise RouterError(
                f"cannot prove the switch: release {answered} answers at {ports.router.address}, not {expected}",
                next="`comporta status` shows what the router does; its error log says why",
            )


def served(traffic: Traffic) -> list[Slot]:
    """The slots that get requests."""
    return [slot for slot in Slot if traffic.weights and traffic.weights.of(slot)]


def _grows(slot: Slot, before: Traffic, after: Traffic) -> bool:
    """Instances that had no requests get some now."""
    had, has = before.instances_in(slot), after.instances_in(slot)
    return had is not None and (has is None or has > had)


def describe(traffic: Traffic) -> str:
    """Where the requests go, for people."""
    if traffic.weights is None:
        return "nobody (closed)"
    if traffic.live is None:
        slots = sorted(Slot, key=traffic.weights.of, reverse=True)
        return " and ".join(f"{_version(traffic, s)} ({traffic.weights.of(s)} %{_counted(traffic, s)})" for s in slots)
    named = _version(traffic, traffic.live) if traffic.release_in(traffic.live) else ""
    return f"{named} in {traffic.live}{_counted(traffic, traffic.live)}" if named else str(traffic.live)


def _version(traffic: Traffic, slot: Slot) -> str:
    release = traffic.release_in(slot)
    return release.version if release else "nobody"


def _counted(traffic: Traffic, slot: Slot) -> str:
    count = traffic.instances_in(slot)
    return "" if count is None else f", {count} instance{'s' * (count != 1)}"
