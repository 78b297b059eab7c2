"""Users who ask all the time, in an open loop: whatever comporta does, the next request comes when it is due."""

from __future__ import annotations

import asyncio
import threading

from comporta.load import LoadGenerator, Report, Request

RATE = 20.0
"""Requests a second."""
PATIENCE = 60.0
"""Seconds until a user gives up: on a machine that is busy with other things, slow is not lost."""


class Users:
    """They ask for the block; then `report` says what became of every request."""

    report: Report

    def __init__(self, port: int, post_path: str) -> None:
        self._url = f"http://127.0.0.1:{port}/"
        self._mix = [Request("get", "GET", "/", weight=4), Request("post", "POST", post_path, b"x" * 100)]

    def __enter__(self) -> Users:
        self._enough = threading.Event()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._ask()))
        self._thread.start()
        self._begun.wait()
        return self

    def __exit__(self, *args: object) -> None:
        self._enough.set()
        self._thread.join()

    async def _ask(self) -> None:
        load = LoadGenerator(
            self._url, rate=RATE, mix=self._mix, connections=20, fresh=0.3, timeout=PATIENCE, arrivals="poisson"
        )
        async with load:
            self._begun.set()
            await asyncio.to_thread(self._enough.wait)
            self.report = await load.stop()
