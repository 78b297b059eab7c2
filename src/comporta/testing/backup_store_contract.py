"""What every BackupStore promises. A driver's tests inherit this suite and give it a `store` and `spoil`."""

from __future__ import annotations

import io
from collections.abc import Callable

import msgspec
import pytest

from comporta.model.backups import Backup, Description, Listing
from comporta.model.errors import BackupDamaged, BackupFailed
from comporta.ports.backups import BackupStore

Spoil = Callable[[str, Callable[[bytes], bytes | None]], None]
"""Replace all stored files whose name has this in it by what the function makes of them; None: it is gone."""
DATA = bytes(range(256)) * 5000


def ignore(count: int) -> None:
    """Hears of bytes."""


def backup(id: str, at: float) -> Backup:
    content = Description(version="1", schema={"table users": "abc"}, rows={"users": 3})
    return Backup(
        id=id,
        at=at,
        service="shop",
        environment="test",
        database="sqlite:///shop.db",
        engine="sqlite",
        content=content,
        reason="a test",
        actor="ana",
    )


async def kept(store: BackupStore, id: str, data: bytes = DATA, at: float = 1000.0) -> Backup:
    async with store.receive(id) as incoming:
        await incoming.fill(io.BytesIO(data), ignore)
        return await incoming.keep(backup(id, at), ignore)


async def content(store: BackupStore, one: Backup) -> bytes:
    sink = io.BytesIO()
    async with store.content(one, ignore) as pour:
        pour(sink)
    return sink.getvalue()


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.anyio
class BackupStoreContract:
    async def test_a_new_one_is_empty(self, store: BackupStore) -> None:
        assert await store.listing() == Listing()
        assert await store.room() > 0

    async def test_what_was_kept_is_listed_newest_first_and_comes_back(self, store: BackupStore) -> None:
        first, second = await kept(store, "20260101T000000Z-aa"), await kept(store, "20260102T000000Z-bb", b"second")
        assert await store.listing() == Listing(backups=(second, first))
        assert await content(store, first) == DATA
        assert await content(store, second) == b"second"

    async def test_of_two_within_a_second_the_later_one_is_the_newest(self, store: BackupStore) -> None:
        later, earlier = [await kept(store, f"20260101T000000Z-{end}", at=at) for end, at in (("aa", 7.9), ("bb", 7.1))]
        assert await store.listing() == Listing(backups=(later, earlier))

    async def test_what_is_not_kept_leaves_nothing(self, store: BackupStore) -> None:
        with pytest.raises(ZeroDivisionError):
            async with store.receive("one") as incoming:
                await incoming.fill(io.BytesIO(DATA), ignore)
                raise ZeroDivisionError
        assert await store.listing() == Listing()
        async with store.alone():
            assert await store.sweep() == ()

    async def test_a_note_replaces_the_manifest(self, store: BackupStore) -> None:
        one = await kept(store, "one")
        verified = msgspec.structs.replace(one, verified_at=5.0)
        await store.note(verified)
        assert (await store.listing()).backups == (verified,)

    async def test_what_is_deleted_is_gone(self, store: BackupStore) -> None:
        one = await kept(store, "one")
        await store.delete("one")
        await store.delete("one")
        assert await store.listing() == Listing()
        with pytest.raises(BackupDamaged):
            await content(store, one)

    @pytest.mark.parametrize("how", [flipped, lambda data: data[:-1], lambda data: b"", lambda data: None])
    async def test_damaged_data_is_never_handed_out(
        self, store: BackupStore, spoil: Spoil, how: Callable[[bytes], bytes | None]
    ) -> None:
        one = await kept(store, "one")
        spoil("one.data", how)
        with pytest.raises(BackupDamaged, match="one"):
            await content(store, one)

    @pytest.mark.parametrize(
        "how", [lambda data: data.replace(b"ana", b"eva"), lambda data: data[:-9], lambda data: b""]
    )
    async def test_a_damaged_manifest_is_listed_as_such(
        self, store: BackupStore, spoil: Spoil, how: Callable[[bytes], bytes | None]
    ) -> None:
        other = await kept(store, "other")
        await kept(store, "one")
        spoil("one.manifest", how)
        assert await store.listing() == Listing(backups=(other,), damaged=("one",))

    async def test_a_manifest_of_another_backup_is_no_manifest(self, store: BackupStore, spoil: Spoil) -> None:
        manifests: list[bytes] = []

        def noted(data: bytes) -> bytes:
            manifests.append(data)
            return data

        await kept(store, "one")
        spoil("one.manifest", noted)
        await kept(store, "two")
        spoil("two.manifest", lambda data: manifests[0])
        assert (await store.listing()).damaged == ("two",)

    async def test_data_without_a_manifest_is_not_listed(self, store: BackupStore, spoil: Spoil) -> None:
        await kept(store, "one")
        spoil("one.manifest", lambda data: None)
        assert await store.listing() == Listing()

    async def test_a_manifest_without_data_is_damaged(self, store: BackupStore, spoil: Spoil) -> None:
        await kept(store, "one")
        spoil("one.data", lambda data: None)
        assert await store.listing() == Listing(damaged=("one",))

    async def test_a_source_that_breaks_off_is_told(self, store: BackupStore) -> None:
        class Broken(io.RawIOBase):
            def read(self, size: int = -1) -> bytes:
                raise OSError(28, "No space left on device")

        with pytest.raises(BackupFailed, match="no space left"):
            async with store.receive("one") as incoming:
                await incoming.fill(Broken(), ignore)  # type: ignore[arg-type]  # all that is asked of a source
        assert await store.listing() == Listing()
