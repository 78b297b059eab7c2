"""What every journal must do. Subclass it, and give the fixtures `journal` and `damage`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from comporta.model.errors import LeaseHeld, LeaseLost
from comporta.model.journal import Holder, Kind, Lease, Outcome
from comporta.model.outlines import Outline
from comporta.ports.journal import Journal

ANA = Holder(host="h1", boot_id="b", pid=1, started=1.0, actor="ana")
BEN = Holder(host="h1", boot_id="b", pid=2, started=2.0, actor="ben")
Damage = Callable[[Any, int], Awaitable[None]]
"""Changes the data of the record with this sequence, past the journal."""


@pytest.mark.anyio
class JournalContract:
    """Contract suite of the Journal port."""

    @pytest.fixture
    def journal(self) -> Journal:
        raise NotImplementedError

    @pytest.fixture
    def damage(self) -> Damage:
        raise NotImplementedError

    async def test_a_new_journal_is_empty_and_whole(self, journal: Journal) -> None:
        assert await journal.lease("production") is None
        assert await journal.find(kinds=tuple(Kind)) == []
        assert await journal.verify() is None

    async def test_only_one_holds_the_lease_and_the_other_reads_who(self, journal: Journal) -> None:
        await journal.acquire("production", ANA, at=10.0)
        with pytest.raises(LeaseHeld, match="ana"):
            await journal.acquire("production", BEN, at=11.0)

    async def test_environments_are_locked_apart(self, journal: Journal) -> None:
        await journal.acquire("production", ANA, at=10.0)
        await journal.acquire("staging", BEN, at=10.0)

    async def test_a_lease_that_was_given_back_can_be_taken_with_a_higher_generation(self, journal: Journal) -> None:
        first = await journal.acquire("production", ANA, at=10.0)
        await journal.release(first)
        assert await journal.lease("production") is None
        second = await journal.acquire("production", BEN, at=11.0)
        assert second.generation > first.generation

    async def test_a_displaced_holder_can_neither_write_nor_beat(self, journal: Journal) -> None:
        old = await journal.acquire("production", ANA, at=10.0)
        await journal.acquire("production", BEN, at=20.0, displacing=old.generation)
        with pytest.raises(LeaseLost, match="ben"):
            await append(journal, old)
        with pytest.raises(LeaseLost):
            await journal.heartbeat(old, at=21.0, doing="x")
        assert await journal.find(kinds=(Kind.NOTE,)) == []

    async def test_a_displaced_holder_cannot_give_the_new_lease_back(self, journal: Journal) -> None:
        old = await journal.acquire("production", ANA, at=10.0)
        new = await journal.acquire("production", BEN, at=20.0, displacing=old.generation)
        await journal.release(old)
        assert await journal.lease("production") == new

    async def test_two_who_displace_the_same_dead_holder_do_not_both_win(self, journal: Journal) -> None:
        dead = await journal.acquire("production", ANA, at=10.0)
        await journal.acquire("production", BEN, at=20.0, displacing=dead.generation)
        with pytest.raises(LeaseHeld):
            await journal.acquire("production", ANA, at=20.0, displacing=dead.generation)

    async def test_a_heartbeat_shows_what_the_holder_does(self, journal: Journal) -> None:
        lease = await journal.acquire("production", ANA, at=10.0)
        await journal.heartbeat(lease, at=15.0, doing="deployment 3, step switch")
        seen = await journal.lease("production")
        assert seen is not None
        assert (seen.heartbeat, seen.doing, seen.generation) == (15.0, "deployment 3, step switch", lease.generation)

    async def test_a_lease_by_hand_keeps_its_message(self, journal: Journal) -> None:
        await journal.acquire("production", ANA, at=10.0, manual=True, message="audit week")
        with pytest.raises(LeaseHeld, match="audit week"):
            await journal.acquire("production", BEN, at=11.0)

    async def test_records_of_a_deployment_come_back_in_order_with_all_their_data(self, journal: Journal) -> None:
        lease = await journal.acquire("production", ANA, at=10.0)
        number = await journal.open_deployment(at=10.5, lease=lease, actor="ana", data={"plan": {"steps": [1, "é"]}})
        await append(journal, lease, Kind.INTENT, deployment=number, step=0, at=11.25)
        await append(journal, lease, Kind.DONE, deployment=number, step=0, at=12.5, data={"ok": True, "n": 1.5})
        records = await journal.records(number)
        assert [r.kind for r in records] == [Kind.OPENED, Kind.INTENT, Kind.DONE]
        assert records[0].data == {"plan": {"steps": [1, "é"]}}
        assert (records[2].at, records[2].step, records[2].data) == (12.5, 0, {"ok": True, "n": 1.5})
        assert {r.generation for r in records} == {lease.generation}

    async def test_what_was_requested_is_opened_under_its_own_number(self, journal: Journal) -> None:
        asked = await journal.request_deployment(at=10.0, environment="production", actor="ana", data={"a": 1})
        lease = await journal.acquire("production", ANA, at=10.0)
        other = await journal.open_deployment(at=11.0, lease=lease, actor="ana", data={})
        assert await journal.open_deployment(at=12.0, lease=lease, actor="ana", data={}, number=asked) == asked
        assert other == asked + 1
        records = await journal.records(asked)
        assert [(r.kind, r.generation) for r in records] == [(Kind.REQUESTED, None), (Kind.OPENED, lease.generation)]
        assert await journal.verify() is None

    async def test_measurements_are_kept_apart_from_what_was_done(self, journal: Journal) -> None:
        lease = await journal.acquire("production", ANA, at=10.0)
        number = await journal.open_deployment(at=10.0, lease=lease, actor="ana", data={})
        for n in range(3):
            await append(journal, lease, Kind.MEASURED, deployment=number, step=1, data={"n": n})
        await append(journal, lease, Kind.INTENT, deployment=number, step=2)
        assert [r.kind for r in await journal.records(number)] == [Kind.OPENED, Kind.INTENT]
        assert [r.data["n"] for r in await journal.measurements(number)] == [0, 1, 2]
        assert await journal.measurements(number + 1) == []
        assert await journal.verify() is None

    async def test_deployments_and_releases_are_numbered_from_one(self, journal: Journal) -> None:
        lease = await journal.acquire("production", ANA, at=10.0)
        numbers = [await journal.open_deployment(at=1.0, lease=lease, actor="ana", data={}) for _ in range(3)]
        releases = [await journal.add_release(at=1.0, lease=lease, actor="ana", data={"v": i}) for i in range(2)]
        assert (numbers, releases) == ([1, 2, 3], [1, 2])
        assert [r.data for r in await journal.find(kinds=(Kind.RELEASE,))] == [
            {"v": 1, "number": 2},
            {"v": 0, "number": 1},
        ]

    async def test_find_gives_the_newest_first_of_one_environment_and_kind(self, journal: Journal) -> None:
        for environment in ("production", "staging"):
            lease = await journal.acquire(environment, ANA, at=10.0)
            for at in (1.0, 2.0):
                await append(journal, lease, at=at)
        found = await journal.find(environment="staging", kinds=(Kind.NOTE,), limit=1)
        assert [(r.environment, r.at) for r in found] == [("staging", 2.0)]
        assert len(await journal.find(kinds=(Kind.NOTE, Kind.ABORT))) == 4

    async def test_find_goes_on_after_a_record_and_stops_before_one(self, journal: Journal) -> None:
        lease = await journal.acquire("production", ANA, at=10.0)
        for n in range(5):
            await append(journal, lease, data={"n": n})

        async def found(**bounds: Any) -> list[int]:
            return [r.data["n"] for r in await journal.find(kinds=(Kind.NOTE,), **bounds)]

        assert await found(after=0) == [4, 3, 2, 1, 0]
        assert await found(after=3) == [4, 3]
        assert await found(before=3) == [1, 0]
        assert await found(after=1, before=5, limit=2) == [3, 2]
        assert await found(after=5) == await found(before=1) == []

    async def test_of_a_damaged_journal_all_is_kept_that_is_as_it_was_written(
        self, journal: Journal, damage: Damage
    ) -> None:
        lease = await journal.acquire("production", ANA, at=1.0)
        assert await journal.add_release(at=1.0, lease=lease, actor="ana", data={"what": "first"}) == 1
        await append(journal, lease, data={"n": 2})
        assert await journal.add_release(at=1.0, lease=lease, actor="ana", data={"what": "second"}) == 2
        assert await journal.open_deployment(at=1.0, lease=lease, actor="ana", data={}) == 1
        assert await journal.open_deployment(at=1.0, lease=lease, actor="ana", data={}) == 2
        await append(journal, lease, data={"n": 6})
        before = (await journal.find(kinds=tuple(Kind)))[::-1]
        await damage(journal, 2)
        await damage(journal, 5)
        found = await journal.salvage()
        assert (found.kept, found.lost, found.releases) == (4, (2, 5), (1, 2))
        assert found.head == before[-1].hash
        assert found.deployment == 2, "the newest one, of which nothing is left"
        assert not found.whole

        told = {"showed": "1.0.0"}
        await journal.rebuild(found, at=9.0, environment="production", actor="ben", data=told)
        assert await journal.verify() is None
        after = (await journal.find(kinds=tuple(Kind)))[::-1]
        assert [r.kind for r in after] == [Kind.RELEASE, Kind.RECOVERED, Kind.RELEASE, Kind.OPENED, Kind.NOTE]
        assert after[0] == before[0], "what comes before the damage stays as it was, hash by hash"
        assert [r.data for r in after[2:]] == [before[2].data, before[3].data, before[5].data]
        facts = {"kept": 4, "lost": [2, 5], "head": before[-1].hash, "problem": found.problem}
        assert after[1].data == told | facts | {"aside": after[1].data["aside"]}
        assert (await journal.salvage()).whole
        with pytest.raises(LeaseLost):
            await append(journal, lease)
        again = await journal.acquire("production", BEN, at=10.0)
        assert again.generation > lease.generation
        assert await journal.add_release(at=10.0, lease=again, actor="ben", data={}) == 3
        assert await journal.open_deployment(at=10.0, lease=again, actor="ben", data={}) == 3

    async def test_deployments_are_told_in_outline(self, journal: Journal) -> None:
        assert await journal.outlines() == []
        ours = await journal.acquire("production", ANA, at=1.0)
        theirs = await journal.acquire("staging", BEN, at=1.0)
        release = await journal.add_release(at=5.0, lease=ours, actor="ana", data={})
        first = await journal.open_deployment(at=10.0, lease=ours, actor="ana", data=opened("canary", release))
        other = await journal.open_deployment(at=20.0, lease=theirs, actor="ben", data=opened("rollback", 99))
        await append(journal, None, Kind.ABORT, deployment=first, at=31.0)
        await append(journal, ours, Kind.FAILED, deployment=first, step=0, at=30.0)
        await append(journal, ours, Kind.FINISHED, deployment=first, at=40.0, data={"outcome": "incident"})
        ended = {"outcome": "rolled-back", "lost": 3}
        await append(journal, ours, Kind.FINISHED, deployment=first, at=50.0, data=ended)
        told = Outline(
            number=first,
            environment="production",
            strategy="canary",
            started=10.0,
            created=5.0,
            failed=30.0,
            ended=50.0,
            outcome=Outcome.ROLLED_BACK,
            lost=3,
        )
        still_runs = Outline(number=other, environment="staging", strategy="rollback", started=20.0)
        assert await journal.outlines() == [told, still_runs]
        assert await journal.outlines(environment="production") == [told]
        assert await journal.outlines(since=10.5) == [still_runs]
        assert await journal.outlines(environment="production", since=10.5) == []

    async def test_a_record_is_found_by_its_hash(self, journal: Journal) -> None:
        lease = await journal.acquire("production", ANA, at=10.0)
        for n in range(3):
            await append(journal, lease, data={"n": n})
        wanted = (await journal.find(kinds=(Kind.NOTE,)))[1]
        assert await journal.hashed(wanted.hash) == await journal.hashed(wanted.hash[:16]) == wanted
        assert await journal.hashed("0" * 64) is None

    async def test_an_abort_can_be_asked_for_without_the_lease(self, journal: Journal) -> None:
        lease = await journal.acquire("production", ANA, at=10.0)
        number = await journal.open_deployment(at=10.0, lease=lease, actor="ana", data={})
        await append(journal, None, Kind.ABORT, deployment=number, data={"reason": "by ben"})
        assert (await journal.records(number))[-1].data == {"reason": "by ben"}

    async def test_the_chain_of_hashes_is_whole_over_all_kinds_of_records(self, journal: Journal) -> None:
        lease = await journal.acquire("production", ANA, at=10.0)
        await journal.open_deployment(at=10.0, lease=lease, actor="ana", data={"ü": [None, {"b": 1, "a": 2}]})
        await append(journal, lease)
        await journal.add_release(at=1.0, lease=lease, actor="ana", data={})
        assert await journal.verify() is None
        records = await journal.find(kinds=tuple(Kind))
        assert records[0].previous == records[1].hash


def opened(strategy: str, release: int) -> dict[str, Any]:
    return {"plan": {"strategy": strategy, "release": {"number": release}}}


async def append(journal: Journal, lease: Lease | None, kind: Kind = Kind.NOTE, **fields: Any) -> None:
    await journal.append(
        kind,
        at=fields.pop("at", 1.0),
        environment=lease.environment if lease else "production",
        actor="ana",
        lease=lease,
        **fields,
    )
