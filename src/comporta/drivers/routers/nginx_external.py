"""An nginx that was there before us: we own one file in its directory, and touch nothing else."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from comporta.drivers.routers.nginx_home import sync, write
from comporta.drivers.routers.nginx_options import ExternalNginx
from comporta.drivers.routers.nginx_server import require_success
from comporta.model.errors import RouterError


class External:
    """Implements Server. The directory must be included in the http context, as /etc/nginx/conf.d is."""

    def __init__(self, options: ExternalNginx, *, base: Path, file_name: str) -> None:
        self.file = base / options.directory / file_name
        self._options = options

    def version(self) -> tuple[int, ...]:
        return parse_version([("-v" if word == "-t" else word) for word in self._options.test])

    def require_listenable(self, listen: str) -> None:
        """Its own ports are held by nginx itself, or by what stands before it: the proof has to tell."""

    async def install(self, text: str) -> None:
        before = self.file.read_bytes() if self.file.exists() else None
        try:
            write(self.file, text.encode(), mode=0o600)
            await require_success(f"use {self.file}", self._options.test)
        except OSError as error:
            raise RouterError(f"cannot write {self.file}: {error.strerror}") from None
        except BaseException:  # also when cancelled: somebody else's reload must not find an untested file
            self._put_back(before)
            raise

    async def apply(self) -> None:
        await require_success("reload nginx", self._options.reload)

    async def withdraw(self) -> None:
        if not self.file.exists():
            return
        before = self.file.read_bytes()
        self.file.unlink()
        sync(self.file.parent)
        try:
            await require_success(f"take {self.file} away", self._options.test)
        except BaseException:
            self._put_back(before)
            raise
        await self.apply()

    async def tend_log(self) -> None:
        """Only who runs nginx can tell it to reopen its logs."""

    def log_size(self) -> int:
        return 0

    def complaints(self, since: int) -> list[str]:
        return ["nginx's error log says why; a port in use is a common reason"]

    def _put_back(self, before: bytes | None) -> None:
        if before is not None:
            write(self.file, before, mode=0o600)
        else:
            self.file.unlink(missing_ok=True)
            sync(self.file.parent)


def parse_version(command: list[str]) -> tuple[int, ...]:
    """What `nginx -v` says, as numbers; empty when it says nothing of the kind."""
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stderr
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else ()
