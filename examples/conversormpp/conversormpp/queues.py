"""How a job reaches a worker: through the table itself (the embedded default), or through Redis with dramatiq.

The embedded queue needs no messages: the row is the job, and workers look for rows. It works with no server, for every
instance and every release on the machine, and a job and its history cannot disagree. A worker looks 20 times a second
while there is work and 4 times when there is none, which is about one percent of a core.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

POLL, IDLE_POLL = 0.05, 0.25  # seconds

Work = Callable[[str | None], bool]
"""Take that job, or any, and do it. False: it was not to be had now."""


class QueueDown(Exception):
    """The queue does not answer."""


class Queue(Protocol):
    def put(self, id: str) -> None:
        """Send the job to a worker. Raises QueueDown."""

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
    """A killed worker's messages are delivered again 5 s later: dramatiq's own defaults would take minutes."""

    HEARTBEAT_TIMEOUT = 5_000  # milliseconds
    EACH_COMMAND = 1_000_000  # in a million
    RETRY = 500  # milliseconds

    def __init__(self, url: str) -> None:
        import dramatiq
        from dramatiq.brokers.redis import RedisBroker
        from dramatiq.middleware import Retries

        self._broker = RedisBroker(
            url=url,
            namespace="conversormpp",
            middleware=[Retries(max_retries=1_000_000, min_backoff=self.RETRY, max_backoff=self.RETRY)],
            heartbeat_timeout=self.HEARTBEAT_TIMEOUT,
            maintenance_chance=self.EACH_COMMAND,
        )
        self._work: Work = lambda id: True
        self._convert = dramatiq.actor(actor_name="convert", queue_name="conversions", broker=self._broker)(
            self._receive
        )

    def _receive(self, id: str) -> None:
        from dramatiq.errors import Retry

        if not self._work(id):
            raise Retry("another worker holds it, or must take it first", delay=self.RETRY)

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
        stop.wait()
        worker.stop()


def open_queue(url: str) -> Queue:
    return RedisQueue(url) if url else EmbeddedQueue()
