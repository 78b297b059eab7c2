"""The contract of the backup stores: a folder, and a real S3-compatible server, plain and encrypted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pyrage
import pytest

from comporta.drivers.backups.opening import store as opened
from comporta.drivers.system_clock import SystemClock
from comporta.model.errors import BackupFailed
from comporta.model.spec import BackupSpec
from comporta.ports.backups import BackupStore
from comporta.testing.backup_store_contract import DATA, BackupStoreContract, Spoil, content, kept
from support.s3 import Bucket, bucket
from support.services import PlainSecrets


def spoiling(folder: Path) -> Spoil:
    def spoil(name: str, how: Callable[[bytes], bytes | None]) -> None:
        for path in folder.iterdir():
            if name in path.name:
                found = how(path.read_bytes())
                path.unlink() if found is None else path.write_bytes(found)

    return spoil


def folder_store(work: Path, spec: BackupSpec) -> BackupStore:
    return opened(spec, work, SystemClock(), PlainSecrets())


class TestFolder(BackupStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> BackupStore:
        return folder_store(tmp_path / "backups", BackupSpec())

    @pytest.fixture
    def spoil(self, tmp_path: Path) -> Spoil:
        return spoiling(tmp_path / "backups")

    @pytest.mark.anyio
    async def test_only_we_can_read_it(self, store: BackupStore, tmp_path: Path) -> None:
        await kept(store, "one")
        assert [path.name for path in tmp_path.rglob("*") if path.stat().st_mode & 0o077] == []

    @pytest.mark.anyio
    async def test_halves_are_swept(self, store: BackupStore, tmp_path: Path, spoil: Spoil) -> None:
        one = await kept(store, "one")
        await kept(store, "two")
        spoil("two.manifest", lambda data: None)
        for half in ("three.part", "one.manifest.json.part"):
            (tmp_path / "backups" / half).write_text("half")
        async with store.alone():
            assert set(await store.sweep()) == {"two.data", "three.part", "one.manifest.json.part"}
            assert await store.sweep() == ()
        assert (await store.listing()).backups == (one,)


def encrypted(identity: pyrage.x25519.Identity, folder: Path) -> BackupSpec:
    (folder / "identity.txt").write_text(f"# created by a test\n{identity}\n")
    return BackupSpec(recipients=(str(identity.to_public()),), identity=str(folder / "identity.txt"))


class TestEncrypted(BackupStoreContract):
    @pytest.fixture
    def spec(self, tmp_path: Path) -> BackupSpec:
        return encrypted(pyrage.x25519.Identity.generate(), tmp_path)

    @pytest.fixture
    def store(self, tmp_path: Path, spec: BackupSpec) -> BackupStore:
        return folder_store(tmp_path / "backups", spec)

    @pytest.fixture
    def spoil(self, tmp_path: Path) -> Spoil:
        return spoiling(tmp_path / "backups")

    @pytest.mark.anyio
    async def test_nothing_of_the_data_is_readable(self, store: BackupStore, tmp_path: Path) -> None:
        one = await kept(store, "one", b"a very private row" * 100)
        assert one.sealed
        assert b"private" not in b"".join(path.read_bytes() for path in (tmp_path / "backups").iterdir())

    @pytest.mark.anyio
    async def test_without_the_identity_it_is_written_but_not_read(self, tmp_path: Path, spec: BackupSpec) -> None:
        blind = folder_store(tmp_path / "backups", msgspec.structs.replace(spec, identity=None))
        assert not blind.readable
        one = await kept(blind, "one")
        with pytest.raises(BackupFailed, match="encrypted"):
            await content(blind, one)
        assert await content(folder_store(tmp_path / "backups", spec), one) == DATA

    @pytest.mark.anyio
    async def test_another_identity_reads_nothing(self, store: BackupStore, tmp_path: Path) -> None:
        one = await kept(store, "one")
        (tmp_path / "other").mkdir()
        other = folder_store(tmp_path / "backups", encrypted(pyrage.x25519.Identity.generate(), tmp_path / "other"))
        with pytest.raises(BackupFailed, match="decrypt"):
            await content(other, one)


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    with bucket() as made:
        yield made


@pytest.mark.slow
class TestS3(BackupStoreContract):
    @pytest.fixture
    def kept_in(self, server: Bucket, tmp_path: Path) -> Bucket:
        """A prefix of its own for each test."""
        prefix = f"backups/{tmp_path.name}"
        spec = msgspec.structs.replace(server.spec, prefix=prefix)
        return Bucket(spec, server.secrets)

    @pytest.fixture
    def store(self, kept_in: Bucket, tmp_path: Path) -> BackupStore:
        return opened(BackupSpec(s3=kept_in.spec), tmp_path / "work", SystemClock(), kept_in.secrets)

    @pytest.fixture
    def spoil(self, kept_in: Bucket) -> Spoil:
        return kept_in.spoil

    @pytest.mark.anyio
    async def test_nothing_stays_on_this_machine(self, store: BackupStore, tmp_path: Path) -> None:
        assert await content(store, await kept(store, "one")) == DATA
        assert [path.name for path in (tmp_path / "work").iterdir()] == []

    @pytest.mark.anyio
    async def test_what_many_parts_carry_comes_back(self, store: BackupStore) -> None:
        large = DATA * 20
        assert await content(store, await kept(store, "large", large)) == large


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_store_that_refuses_us_is_told_without_its_keys(tmp_path: Path) -> None:
    with bucket() as server:
        wrong = PlainSecrets({"S3_ACCESS_KEY": "tester", "S3_SECRET_KEY": "not-this-one"})
        store = opened(BackupSpec(s3=server.spec), tmp_path, SystemClock(), wrong)
        with pytest.raises(BackupFailed, match="cannot use s3://kept") as refused:
            await store.listing()
        assert "not-this-one" not in str(refused.value)
