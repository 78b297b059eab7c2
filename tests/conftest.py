"""Fixtures for all tests."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says something of the machine, not of the code.
settings.register_profile("comporta", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("comporta")

MARGIN = 10.0
"""Seconds that an async test has less than its timeout, which would end the wait for it and leave the test itself."""


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as the commands do; simulations start their own trio loop."""
    return "asyncio"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """An async test that takes too long is cancelled: else its fixtures, which end in the same task, wait for ever."""
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        marker = pyfuncitem.get_closest_marker("timeout")
        seconds = float(marker.args[0] if marker else pyfuncitem.config.getini("timeout"))
        pyfuncitem.obj = within(seconds - MARGIN, pyfuncitem.obj)
    return (yield)


def within(seconds: float, test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def bounded(*args: Any, **kwargs: Any) -> None:
        with anyio.fail_after(seconds):
            await test(*args, **kwargs)

    return bounded
