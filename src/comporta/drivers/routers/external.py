"""A proxy that was there before us: we own one file in its directory, and touch nothing else."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from comporta.drivers.routers.commands import require_success
from comporta.drivers.routers.home import sync, write
from comporta.model.errors import RouterError


class ExternalFile:
    """Our file, put in force with the operator's own commands. `program` is the proxy's name."""

    def __init__(self, file: Path, *, program: str, test: Sequence[str], reload: Sequence[str]) -> None:
        self.file = file
        self._program = program
        self._test = test
        self._reload = reload

    def require_listenable(self, listen: str) -> None:
        """Its own ports are held by the proxy itself, or by what stands before it: the proof has to tell."""

    async def install(self, text: str) -> None:
        before = self.file.read_bytes() if self.file.exists() else None
        try:
            write(self.file, text.encode(), mode=0o600)
            await require_success(f"use {self.file}", self._test, program=self._program)
        except OSError as error:
            raise RouterError(f"cannot write {self.file}: {error.strerror}") from None
        except BaseException:  # also when cancelled: somebody else's reload must not find an untested file
            self._put_back(before)
            raise

    async def apply(self) -> None:
        await require_success(f"reload {self._program}", self._reload, program=self._program)

    async def withdraw(self) -> None:
        if not self.file.exists():
            return
        before = self.file.read_bytes()
        self.file.unlink()
        sync(self.file.parent)
        try:
            await require_success(f"take {self.file} away", self._test, program=self._program)
        except BaseException:
            self._put_back(before)
            raise
        await self.apply()

    def _put_back(self, before: bytes | None) -> None:
        if before is not None:
            write(self.file, before, mode=0o600)
        else:
            self.file.unlink(missing_ok=True)
            sync(self.file.parent)


def parse_version(command: Sequence[str]) -> tuple[int, ...]:
    """What the proxy says about its version, as numbers; empty when it says nothing of the kind."""
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"\b(?:nginx/|HAProxy version )(\d+)\.(\d+)\.(\d+)", said.stdout + said.stderr)
    return tuple(map(int, found.groups())) if found else ()
