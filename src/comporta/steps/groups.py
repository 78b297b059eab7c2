"""Task groups whose error is the one that happened, not a group around it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup


@asynccontextmanager
async def task_group() -> AsyncIterator[TaskGroup]:
    """As `anyio.create_task_group`, but raises the first error itself: callers handle typed errors."""
    try:
        async with anyio.create_task_group() as group:
            yield group
    except BaseExceptionGroup as many:
        raise first_leaf(many) from None


def first_leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
