"""Faults on purpose, for demonstrations and tests: all off unless the environment or the release's own file says so."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

CRASH = 70  # the exit code of a crash on purpose


class Injected(Exception):
    """The request fails because FAULT_ERROR_RATE says so."""


@dataclass(frozen=True)
class Faults:
    error_rate: float = 0.0
    error_path: str = ""
    on_health: bool = False
    latency_ms: float = 0.0
    slow_start_s: float = 0.0
    never_healthy: bool = False
    crash_after: int = 0

    @classmethod
    def read(cls, released: Mapping[str, str]) -> Faults:
        """`released` are the faults in release.json; the environment's stand above them."""
        values = {**released, **{key: value for key, value in os.environ.items() if key.startswith("FAULT_")}}

        def number(key: str) -> float:
            return float(values.get(key) or 0)

        return cls(
            error_rate=number("FAULT_ERROR_RATE"),
            error_path=values.get("FAULT_ERROR_PATH", ""),
            on_health=bool(number("FAULT_HEALTH")),
            latency_ms=number("FAULT_LATENCY_MS"),
            slow_start_s=number("FAULT_SLOW_START_S"),
            never_healthy=bool(number("FAULT_NEVER_HEALTHY")),
            crash_after=int(number("FAULT_CRASH_AFTER")),
        )

    async def strike(self, path: str, request_number: int) -> None:
        """Do to this request what the faults ask for. Raises Injected."""
        if self.crash_after and request_number > self.crash_after:
            crash()
        if self.latency_ms:
            await asyncio.sleep(self.latency_ms / 1000)
        spared = not self.on_health and path.startswith(("/health", "/api/health"))
        struck = path.startswith(self.error_path) and not spared
        if self.error_rate and struck and random.random() < self.error_rate:
            raise Injected(f"FAULT_ERROR_RATE={self.error_rate:g}")


def crash() -> NoReturn:
    os._exit(CRASH)
