"""Fixtures for all tests."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says something of the machine, not of the code.
settings.register_profile("comporta", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("comporta")


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as the commands do; simulations start their own trio loop."""
    return "asyncio"
