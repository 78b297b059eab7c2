"""However long the history is, a look at what serves reads no more of it than it tells."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from comporta.app.context import Context
from comporta.app.deploy import deploy
from comporta.app.down import down
from comporta.app.history import Wanted, history
from comporta.app.status import status
from comporta.app.watching import watch
from comporta.model.journal import Kind
from comporta.strategies import blue_green
from simulation.world import World


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> World:
    """Nobody may ask for all deployments there ever were."""
    made = World()
    made.run(lambda ctx: deploy(ctx, "1.0.0", blue_green.plan))
    find = made.journal.find

    async def bounded(*, kinds: tuple[Kind, ...], limit: int | None = None, **more: Any) -> Any:
        bounds = (limit, more.get("after"), more.get("before"))
        assert not {Kind.OPENED, Kind.FINISHED} & {*kinds} or bounds != (None, None, None)
        return await find(kinds=kinds, limit=limit, **more)

    monkeypatch.setattr(made.journal, "find", bounded)
    return made


def test_status_and_history_read_only_what_they_tell(made: World) -> None:
    assert made.run(status).next == ""
    assert len(made.run(lambda ctx: history(ctx, Wanted("test"), 20))) == 1


def test_status_finds_what_served_last_page_by_page(made: World) -> None:
    made.run(down)
    assert made.run(status).next == "`comporta deploy 1.0.0` brings back what served last"


def test_the_watch_reads_no_more_at_each_look(made: World) -> None:
    async def watching(ctx: Context) -> None:
        with anyio.move_on_after(3.0):
            await watch(ctx, lambda seen: None)

    made.run(watching)
