"""How a worker hears of a job: by looking into the table (the embedded default), or through Redis with dramatiq.

The table is the truth in both cases (see jobs.py), so that a job and its history cannot disagree, and no job is lost
with a message. The embedded queue needs no server and works for every instance and every release on the machine. Its
worker looks 20 times a second while there is work and 4 times when there is none: about one percent of a core.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Protocol

POLL, IDLE_POLL = 0.05, 0.25  # seconds
SWEEP = 1.0  # seconds

Work = Callable[[str | None], bool]
"""Take that job, or any, and do it. False: there was none to take."""


class QueueDown(Exception):
    """The queue does not answer."""


class Queue(Protocol):
    def put(self, id: str) -> None:
        """Tell a worker of the job. Raises QueueDown."""

    def run(self, work: Work, stop: threading.Event) -> None:
        """The worker's loop: until `stop` is set, and the job at hand is done."""


class EmbeddedQueue:
    def put(self, id: str) -> None:
        """The row is the message."""

    def run(self, work: Work, stop: threading.Event) -> None:
        pause = POLL
        while not stop.is_set():
            if work(None):
                pause = POLL
            else:
                stop.wait(pause)
                pause = min(pause * 1.2, IDLE_POLL)


class RedisQueue:
    """One queue a release. What a killed worker had fetched is delivered again after 5 s, not after minutes.

    The worker also looks into the table now and then, for jobs whose release, or whose message, is gone.
    """

    HEARTBEAT_TIMEOUT = 5_000  # milliseconds
    EACH_COMMAND = 1_000_000  # in a million

    def __init__(self, url: str, release: str) -> None:
        import dramatiq
        from dramatiq.brokers.redis import RedisBroker

        self._broker = RedisBroker(
            url=url,
            namespace="conversormpp",
            middleware=[],
            heartbeat_timeout=self.HEARTBEAT_TIMEOUT,
            maintenance_chance=self.EACH_COMMAND,
        )
        self._work: Work = lambda id: False
        queue = "conversions-" + re.sub(r"[^\w.-]", "_", release)
        self._convert = dramatiq.actor(actor_name="convert", queue_name=queue, broker=self._broker)(self._receive)

    def _receive(self, id: str) -> None:
        self._work(id)

    def put(self, id: str) -> None:
        from redis import RedisError

        try:
            self._convert.send(id)
        except RedisError as error:
            raise QueueDown(f"Redis does not answer: {error}") from error

    def run(self, work: Work, stop: threading.Event) -> None:
        from dramatiq.worker import Worker

        self._work = work
        worker = Worker(self._broker, worker_threads=1, worker_timeout=100)
        worker.start()
        while not stop.wait(SWEEP):
            work(None)
        worker.stop()


def open_queue(url: str, release: str) -> Queue:
    return RedisQueue(url, release) if url else EmbeddedQueue()
