"""Health checks that do what they name: each uses the part it vouches for, and says why when it fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy.exc import SQLAlchemyError

from conversormpp import samples
from conversormpp.jobs import PING, Jobs
from conversormpp.keeper import Keeper
from conversormpp.queues import Queue, QueueDown
from conversormpp.storage import Storage, StorageError

ANSWER_WITHIN = 8.0  # seconds, the start of a worker included
SAMPLE_TASKS = 50
TROUBLE = (SQLAlchemyError, QueueDown, ValueError, *StorageError)


class NoAnswer(ValueError):
    """No worker answered in time, or it answered that it could not."""


@dataclass(frozen=True)
class Health:
    jobs: Jobs
    storage: Storage
    queue: Queue
    keeper: Keeper
    version: str

    def check_database(self) -> None:
        self.jobs.check()

    def check_storage(self) -> None:
        self.storage.check()

    def check_queue(self) -> None:
        """Send an empty job through the queue to this release's worker, and wait for its answer."""
        self._round_trip(PING, b"")

    def check_performance(self) -> None:
        """A whole conversion: store, queue, worker with Java, result."""
        result = self._round_trip("json", samples.mspdi(SAMPLE_TASKS))
        if result.count(b'"Task"') != SAMPLE_TASKS:
            raise NoAnswer(f"the result does not have {SAMPLE_TASKS} tasks")

    def _round_trip(self, format: str, content: bytes) -> bytes:
        id = uuid4().hex
        keys = [f"uploads/{id}", f"results/{id}"] if content else []
        try:
            if content:
                self.storage.put(keys[0], content)
            self.jobs.add("health check", format, len(content), self.version, id=id, probe=True)
            self.queue.put(id)
            self.keeper.wake()
            self._await(id)
            return self.storage.get(keys[1]) if content else b""
        finally:
            self.jobs.delete(id)
            for key in keys:
                self.storage.delete(key)

    def _await(self, id: str) -> None:
        deadline = time.monotonic() + ANSWER_WITHIN
        while time.monotonic() < deadline:
            job = self.jobs.get(id)
            if job is not None and job.status == "done":
                return
            if job is not None and job.status == "failed":
                raise NoAnswer(job.error)
            time.sleep(0.02)
        raise NoAnswer(f"no worker answered within {ANSWER_WITHIN:g} s")


def outcome(check: Callable[[], None]) -> dict[str, str | float]:
    """The check's answer: status `ok` or `error` with the reason, and its milliseconds."""
    began = time.perf_counter()
    try:
        check()
    except TROUBLE as error:
        return {"status": "error", "reason": str(error).splitlines()[0], "milliseconds": _since(began)}
    return {"status": "ok", "milliseconds": _since(began)}


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)
