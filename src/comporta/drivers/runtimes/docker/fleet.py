"""The hosts of an environment, each with an engine of its own: which instance lives where, and who can be reached.

Whatever is done is done on all hosts at once. One that does not answer hinders no other: it is known as lost, and
whoever needs it says so.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import anyio
from msgspec import Struct

from comporta.drivers.runtimes.docker.api import Api, Unreachable
from comporta.drivers.runtimes.docker.engine import Engine
from comporta.drivers.runtimes.docker.options import DockerOptions
from comporta.model.errors import RuntimeFailure
from comporta.model.spec import EnvironmentSpec, PortRange
from comporta.steps.groups import task_group

Told = TypeVar("Told")
SPARED = 4.0
"""Seconds for which one host of several that did not answer is not asked again."""
PATIENCE = 20.0
"""Seconds within which an engine that was there is back after a restart."""
RETRY_EVERY = 0.5


class Host(Struct, frozen=True):
    """`address`: of its machine; instances are published on it."""

    engine: Engine
    address: str


class Reached:
    """The engines that answered.

    Attributes:
        apis: in the order of the config. One that goes away in the middle leaves it.
        lost: those that do not answer, and why.
    """

    def __init__(self, apis: dict[Host, Api], lost: dict[Host, Unreachable], *, several: bool) -> None:
        self.apis = apis
        self.lost = lost
        self._several = several

    async def each(self, act: Callable[[Host, Api], Awaitable[Told]]) -> dict[Host, Told]:
        """What `act` gives on each host that can be reached, all at once.

        Raises:
            RuntimeFailure: of the first host on which it fails, which is named.
        """
        told: dict[Host, Told] = {}

        async def on(host: Host, api: Api) -> None:
            try:
                told[host] = await act(host, api)
            except Unreachable as error:
                self.lost[host] = error
            except RuntimeFailure as error:
                if self._several:
                    error.details = (*error.details, f"on the host {host.engine.url}")
                raise

        async with task_group() as group:
            for host, api in self.apis.items():
                group.start_soon(on, host, api)
        self.apis = {host: api for host, api in self.apis.items() if host in told}
        return {host: told[host] for host in self.apis}

    async def on_all(self, act: Callable[[Host, Api], Awaitable[Told]]) -> dict[Host, Told]:
        """As `each`, where none may be lost.

        Raises:
            Unreachable: one is.
        """
        told = await self.each(act)
        self.require_all()
        return told

    def require_all(self) -> None:
        """Every host can be reached.

        Raises:
            Unreachable: of the first that cannot; the others are told as well.
        """
        if not self.lost:
            return
        first, *others = self.lost.values()
        if self._several:
            first.next = "bring that host back, or take it out of `release.docker.hosts` to go on without it"
            first.details = tuple(error.message for error in others)
        raise first


class Fleet:
    """At least one host."""

    def __init__(self, hosts: tuple[Host, ...]) -> None:
        self.hosts = hosts
        self._met = False
        self._missed: dict[Host, tuple[float, Unreachable]] = {}

    @classmethod
    def of(cls, spec: EnvironmentSpec, options: DockerOptions) -> Fleet:
        base = Path(spec.base)
        several = tuple(Host(Engine.of(options, base, url=host.engine), host.address) for host in options.hosts)
        return cls(several or (Host(Engine.of(options, base), options.host or spec.instance_host),))

    def home(self, index: int) -> Host:
        """Where an instance lives."""
        return self.hosts[(index - 1) % len(self.hosts)]

    def ports(self, host: Host, of_slot: PortRange, instances: int) -> list[int]:
        """Those on which the instances that live on a host are published."""
        numbered = enumerate(of_slot.take(instances), start=1)
        return [port for index, port in numbered if self.home(index) == host]

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Reached]:
        """A connection to each of them, for some questions.

        Raises:
            Unreachable: no host answers.
        """
        over = anyio.Event()
        apis: dict[Host, Api] = {}
        lost: dict[Host, Unreachable] = {}
        answered = {host: anyio.Event() for host in self.hosts}

        async def connect(host: Host) -> None:
            try:
                self._spare(host)
                async with self._patient_session(host) as api:
                    apis[host] = api
                    answered[host].set()
                    await over.wait()
            except Unreachable as error:
                lost[host] = error
                self._missed.setdefault(host, (anyio.current_time(), error))
            finally:
                answered[host].set()

        async with task_group() as group:
            for host in self.hosts:
                group.start_soon(connect, host)
            for event in answered.values():
                await event.wait()
            try:
                yield self._reached(apis, lost)
            finally:
                over.set()

    @asynccontextmanager
    async def _patient_session(self, host: Host) -> AsyncIterator[Api]:
        """The only engine there is, which was there before, may just be restarting: undoing needs it."""
        until = anyio.current_time() + (PATIENCE if self._met and len(self.hosts) == 1 else 0.0)
        while True:
            async with AsyncExitStack() as stack:
                try:
                    api = await stack.enter_async_context(host.engine.session())
                    await api.ping()
                except Unreachable:
                    if anyio.current_time() >= until:
                        raise
                else:
                    self._met = True
                    yield api
                    return
            await anyio.sleep(RETRY_EVERY)

    def _spare(self, host: Host) -> None:
        """Whoever undoes something because a host is lost must not wait for that host again and again."""
        at, error = self._missed.get(host, (-math.inf, None))
        if error is not None and len(self.hosts) > 1 and anyio.current_time() < at + SPARED:
            raise error
        self._missed.pop(host, None)

    def _reached(self, apis: dict[Host, Api], lost: dict[Host, Unreachable]) -> Reached:
        found = Reached(
            {host: apis[host] for host in self.hosts if host in apis},
            {host: lost[host] for host in self.hosts if host in lost},
            several=len(self.hosts) > 1,
        )
        if not found.apis:
            found.require_all()
        return found
