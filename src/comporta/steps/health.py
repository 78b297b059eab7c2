"""Asking checks until they all pass, or saying precisely which did not and why. Shared by the health steps."""

from __future__ import annotations

from collections.abc import Sequence

from comporta.model.checks import Check, CheckResult, HttpCheck, Target, TcpCheck
from comporta.model.errors import CheckFailed
from comporta.model.release import InstanceState, InstanceStatus, SlotState
from comporta.model.traffic import Slot
from comporta.ports.bundle import Ports
from comporta.steps.groups import task_group
from comporta.steps.step import Facts

LOG_LINES = 10
CRASHES_TOLERATED = 4
"""An instance that crashed more often than this while it was checked will not become healthy by waiting."""


def kind_of(check: Check) -> str:
    """The tag of a check, by which its probe is found."""
    return "http" if isinstance(check, HttpCheck) else "tcp" if isinstance(check, TcpCheck) else "command"


async def ask(check: Check, target: Target, ports: Ports) -> CheckResult:
    return await ports.probes[kind_of(check)].ask(check, target)


async def ask_all(checks: Sequence[Check], target: Target, ports: Ports) -> dict[str, CheckResult]:
    """All checks of one target, concurrently: check name → result."""
    results: dict[str, CheckResult] = {}

    async def one(check: Check) -> None:
        results[check.name] = await ask(check, target, ports)

    async with task_group() as group:
        for check in checks:
            group.start_soon(one, check)
    return {check.name: results[check.name] for check in checks}


class Rounds:
    """Rounds of checks over some targets: a target is healthy once all its checks pass in the same round."""

    def __init__(self, targets: Sequence[Target], checks: Sequence[Check], ports: Ports, *, interval: float) -> None:
        self.targets = targets
        self.checks = checks
        self.ports = ports
        self.interval = interval
        self.attempts = dict.fromkeys((t.name for t in targets), 0)
        self.failing: dict[str, tuple[str, CheckResult]] = {}
        self.slowest: dict[str, float] = {}

    async def until_healthy(self, *, timeout: float, deadline: float) -> Facts:
        """Ask until all targets are healthy.

        Args:
            timeout: as configured, in seconds, for the message.
            deadline: epoch seconds.

        Raises:
            CheckFailed: at the deadline, or as soon as an instance keeps crashing.
        """
        async with task_group() as group:
            for target in self.targets:
                group.start_soon(self._until_healthy, target, deadline)
        if self.failing:
            raise await self._failure(timeout)
        return {
            "attempts": max(self.attempts.values(), default=0),
            "slowest": {name: round(seconds, 4) for name, seconds in self.slowest.items()},
        }

    async def _until_healthy(self, target: Target, deadline: float) -> None:
        while True:
            await self._round(target)
            if target.name not in self.failing or await self._crash_loops(target):
                return
            left = deadline - self.ports.clock.now()
            if left <= 0:
                return
            await self.ports.clock.sleep(min(self.interval, left))

    async def _round(self, target: Target) -> None:
        results = await ask_all(self.checks, target, self.ports)
        self.attempts[target.name] += 1
        failed = [(check.name, results[check.name]) for check in self.checks if not results[check.name].passed]
        failed = failed or _as_its_runtime_says(await instance_status(target, self.ports))
        if failed:
            self.failing[target.name] = failed[0]
            self.ports.operator.note(f"{target.name}: {failed[0][0]}: {failed[0][1].answer}")
        else:
            self.failing.pop(target.name, None)
            for name, result in results.items():
                self.slowest[name] = max(self.slowest.get(name, 0.0), result.seconds)

    async def _crash_loops(self, target: Target) -> bool:
        status = await instance_status(target, self.ports)
        return status is not None and (status.state is InstanceState.FAILED or status.restarts > CRASHES_TOLERATED)

    async def _failure(self, timeout: float) -> CheckFailed:
        name, (check, result) = next(iter(self.failing.items()))
        target = next(t for t in self.targets if t.name == name)
        status = await instance_status(target, self.ports)
        attempts = self.attempts[name]
        others = f" (and {len(self.failing) - 1} more)" if len(self.failing) > 1 else ""
        return CheckFailed(
            f"cannot get {name} healthy within {timeout:g} s: check {check!r} failed "
            f"{attempts} time{'s' * (attempts != 1)}{others}",
            details=[
                f"asked: {result.asked}",
                f"last answer: {result.answer}",
                *describe_exit(status),
                *await last_log_lines(target, self.ports),
            ],
            next=f"fix the release and deploy again{log_advice(target)}",
        )


def instance_targets(slot: Slot, instances: int, host: str, ports: Ports) -> list[Target]:
    """The instances of a slot as targets, asked directly and not through the router."""
    return [
        Target(name=f"{slot}-{index}", address=address, host=host, slot=slot, index=index)
        for index, address in enumerate(ports.runtime.addresses(slot, instances), start=1)
    ]


def router_target(host: str, ports: Ports) -> Target:
    """The service as its users reach it, but for what marks the requests as comporta's own."""
    return Target(name="the service", address=ports.router.address, host=host, headers=dict(ports.router.own_headers))


async def instance_status(target: Target, ports: Ports) -> InstanceStatus | None:
    if target.slot is None:
        return None
    state = await ports.runtime.observe(target.slot)
    return next((i for i in state.instances if i.index == target.index), None)


def unreachable(state: SlotState) -> list[str]:
    """The instances of which nobody can tell whether they run, and why."""
    return [f"{i.name}: {i.reason}" for i in state.instances if i.state is InstanceState.UNREACHABLE]


async def left_behind(slot: Slot, ports: Ports) -> Facts:
    """What a stop did not reach: its runtime stops it later, once it can."""
    lost = unreachable(await ports.runtime.observe(slot))
    return {"unreachable": lost} if lost else {}


def describe_exit(status: InstanceStatus | None) -> list[str]:
    """What the runtime knows about an instance that is not simply running."""
    if status is None or (status.state is InstanceState.RUNNING and not status.restarts):
        return []
    code = f", exit code {status.exit_code}" if status.exit_code is not None else ""
    times = f"{status.restarts} time{'s' * (status.restarts != 1)}"
    return [f"the instance is {status.state}: restarted {times}{code}", *([status.reason] if status.reason else [])]


def _as_its_runtime_says(status: InstanceStatus | None) -> list[tuple[str, CheckResult]]:
    """A check of its own that an image brings along: what passes ours is not healthy before it passes that one."""
    if status is None or status.state not in (InstanceState.STARTING, InstanceState.FAILED):
        return []
    answer = status.reason or f"the instance is {status.state}"
    return [("its own", CheckResult(passed=False, asked="the runtime", answer=answer, seconds=0.0))]


def log_advice(target: Target) -> str:
    """How to read all that an instance wrote: it is kept until the slot is used twice more."""
    if target.slot is None:
        return ""
    command = f"comporta logs --slot {target.slot} --instance {target.index}"
    return f"; `{command}` has its whole log (with --previous once another release runs there)"


async def last_log_lines(target: Target, ports: Ports) -> list[str]:
    if target.slot is None or target.index is None:
        return []
    lines = [line.text async for line in ports.runtime.logs(target.slot, lines=LOG_LINES, index=target.index)]
    return ["last log lines:", *(f"  {line}" for line in lines)] if lines else ["the instance wrote no log"]
