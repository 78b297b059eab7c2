"""The open loop: a request leaves when it is due, however slowly the service answers the others.

Latency counts from that moment, so a stall is felt by every request due during it (no coordinated omission).
Nothing is retried: what a client that posts would have lost is counted as lost.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self

import h11

from comporta.load.alarm import Alarm
from comporta.load.arrivals import Arrivals, offsets
from comporta.load.pool import Pool
from comporta.load.report import EXAMPLES, Report, Sample, Scenarios
from comporta.load.requests import Address, Request, RequestFailed, Scenario
from comporta.load.wire import Answer, Connection, ErrorKind, Lost

WATCHED = ("X-Comporta-Slot", "X-App-Version")


class LoadGenerator:
    """Sends a weighted `mix` of requests to `url` (http only), `rate` a second in all. Runs on asyncio.

    Up to `connections` are kept open and used in turn; the share `fresh` (0 to 1) of the requests opens a new one.
    A request fails `timeout` seconds after it was due. The first of the `watch` headers that an answer has names the
    release that gave it. The same `seed` gives the same arrivals and the same mix.
    """

    def __init__(
        self,
        url: str,
        *,
        rate: float,
        mix: Sequence[Request | Scenario] = (),
        connections: int = 50,
        fresh: float = 0.0,
        timeout: float = 10.0,
        arrivals: Arrivals = "constant",
        seed: int = 0,
        watch: Sequence[str] = WATCHED,
    ) -> None:
        address = Address.of(url)
        self._authority = address.authority
        mix = tuple(mix) or (Request("request", path=address.target),)
        self._weights = list(itertools.accumulate(kind.weight for kind in mix))
        # A head is the same each time: building it anew would cost a tenth of the rate.
        self._mix = [(kind, kind.head(self._authority) if isinstance(kind, Request) else None) for kind in mix]
        self._pool = Pool(address.host, address.port, connections)
        self._fresh = fresh
        self._timeout = timeout
        self._watch = [(name, name.lower().encode()) for name in watch]
        self._chance = random.Random(seed)
        self._offsets = offsets(arrivals, rate, seed)
        self._samples: list[Sample] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._scenarios = {kind.name: Scenarios() for kind in mix if isinstance(kind, Scenario)}
        self._scheduled = 0
        self._mistake: BaseException | None = None
        self._end: float | None = None

    # Running it

    async def run(self, duration: float) -> Report:
        """Send for `duration` seconds, wait for the last answers, and report. `finish` ends it early."""
        async with self:
            self._end = self._begin + duration
            await self._finished.wait()
            return await self.stop()

    async def __aenter__(self) -> Self:
        self._finished = asyncio.Event()
        self._alarm = Alarm(self._launch_due)
        self._begin = time.monotonic()
        self._due = self._begin + next(self._offsets)
        self._alarm.set(self._due)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()
        await self._cut_off()
        self._pool.close()

    def finish(self) -> None:
        """Let no more requests become due."""
        if not self._finished.is_set():
            self._alarm.close()
            # What was due before now but has not left (a busy event loop) was not scheduled.
            self._end = min(self._end or self._due, self._due, time.monotonic())
            self._finished.set()

    async def stop(self, grace: float | None = None) -> Report:
        """Let no more requests become due, wait up to `grace` seconds (default: as long as it takes) and report.

        Arrivals that are not over by then are cut off and counted as unfinished.
        """
        self.finish()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        report = self.so_far()
        await self._cut_off()
        if self._mistake is not None:
            raise self._mistake
        return report

    def so_far(self) -> Report:
        """The report on the requests completed until now, while the load goes on."""
        unfinished = sum(not task.done() for task in self._tasks)
        samples = sorted(self._samples, key=lambda sample: sample.intended)
        end = time.monotonic() if self._end is None else self._end
        return Report(samples, self._begin, end, self._scheduled, unfinished, dict(self._scenarios))

    async def _cut_off(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Arrivals

    def _launch_due(self) -> None:
        now = time.monotonic()
        while self._due <= now:
            if self._end is not None and self._due >= self._end:
                self.finish()
                return
            self._launch(self._due)
            self._due = self._begin + next(self._offsets)
        self._alarm.set(self._due)

    def _launch(self, intended: float) -> None:
        self._scheduled += 1
        ((kind, head),) = self._chance.choices(self._mix, cum_weights=self._weights)
        if isinstance(kind, Scenario):
            task = asyncio.create_task(self._play(kind, intended))
        else:
            task = asyncio.create_task(self._single(kind, head or kind.head(self._authority), intended))
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._mistake = error  # a request that cannot be made at all: no fault of the service
            self.finish()

    async def _single(self, request: Request, head: h11.Request, intended: float) -> None:
        await self.perform(request, head, intended)

    async def _play(self, scenario: Scenario, intended: float) -> None:
        self._tally(scenario.name, started=1)
        try:
            await scenario.run(_ScenarioClient(self, scenario.name, self._authority, intended))
        except Exception as error:  # whatever breaks a scenario off belongs in the report
            self._tally(scenario.name, broken=(f"{type(error).__name__}: {error}",))
        else:
            self._tally(scenario.name, completed=1)

    def _tally(self, name: str, started: int = 0, completed: int = 0, broken: tuple[str, ...] = ()) -> None:
        old = self._scenarios[name]
        self._scenarios[name] = Scenarios(
            old.started + started, old.completed + completed, (old.broken + broken)[:EXAMPLES]
        )

    # One request

    async def perform(self, request: Request, head: h11.Request, intended: float) -> tuple[Sample, Answer | None]:
        """Make one request and record its sample."""
        attempt = _Attempt(intended)
        try:
            answer = await self._exchange(attempt, request, head)
        except Lost as lost:
            return self._record(request, attempt, None, lost.kind, str(lost)), None
        error: ErrorKind | None = None if answer.status in request.expect else "status"
        detail = "" if error is None else f"status {answer.status}"
        return self._record(request, attempt, answer, error, detail), answer

    async def _exchange(self, attempt: "_Attempt", request: Request, head: h11.Request) -> Answer:
        deadline = attempt.intended + self._timeout
        await self._pool.wait_turn(deadline)
        try:
            connection = await self._connection(attempt, deadline)
            attempt.started = time.monotonic()
            answered = connection.send(head, request.body)
            limit = asyncio.get_running_loop().call_at(deadline, connection.lose, "timeout", "no answer in time")
            try:
                return await answered
            finally:
                limit.cancel()
                self._pool.give_back(connection)
        finally:
            self._pool.end_turn()

    async def _connection(self, attempt: "_Attempt", deadline: float) -> Connection:
        attempt.started = time.monotonic()
        kept = None if self._fresh and self._chance.random() < self._fresh else self._pool.kept()
        attempt.connection = "new" if kept is None else "kept"
        return kept or await self._pool.connect(deadline)

    def _record(
        self, request: Request, attempt: "_Attempt", answer: Answer | None, error: ErrorKind | None, detail: str
    ) -> Sample:
        finished = time.monotonic() if answer is None else answer.finished
        sample = Sample(
            kind=request.name,
            intended=attempt.intended,
            started=finished if attempt.connection == "none" else attempt.started,
            finished=finished,
            status=None if answer is None else answer.status,
            error=error,
            detail=detail,
            connection=attempt.connection,
            received=0 if answer is None else len(answer.body),
            headers={} if answer is None else self._watched(answer),
        )
        self._samples.append(sample)
        return sample

    def _watched(self, answer: Answer) -> dict[str, str]:
        present = dict(answer.headers)
        return {name: present[key].decode("latin-1") for name, key in self._watch if key in present}


class _Attempt:
    """How far a request has come."""

    __slots__ = ("connection", "intended", "started")

    def __init__(self, intended: float) -> None:
        self.intended = intended
        self.started = intended
        self.connection: Literal["kept", "new", "none"] = "none"


class _ScenarioClient:
    """The Client of one run of a scenario."""

    def __init__(self, load: LoadGenerator, scenario: str, authority: str, intended: float) -> None:
        self._load = load
        self._scenario = scenario
        self._authority = authority
        self._intended: float | None = intended

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: tuple[tuple[str, str], ...] = (),
        expect: tuple[int, ...] = (200,),
        name: str | None = None,
    ) -> Answer:
        due = time.monotonic() if self._intended is None else self._intended
        self._intended = None
        request = Request(name or self._scenario, method, path, body, headers, expect=expect)
        sample, answer = await self._load.perform(request, request.head(self._authority), due)
        if answer is None or sample.error is not None:
            raise RequestFailed(f"{method} {path}: {sample.error}: {sample.detail}")
        return answer
