"""An nginx that was there before us. The directory must be included in the http context, as /etc/nginx/conf.d is."""

from __future__ import annotations

from pathlib import Path

from comporta.drivers.routers.external import ExternalFile, parse_version
from comporta.drivers.routers.nginx_options import ExternalNginx


class External(ExternalFile):
    """Implements Server."""

    def __init__(self, options: ExternalNginx, *, base: Path, file_name: str) -> None:
        super().__init__(
            base / options.directory / file_name, program="nginx", test=options.test, reload=options.reload
        )

    def version(self) -> tuple[int, ...]:
        return parse_version([("-v" if word == "-t" else word) for word in self._test])

    async def tend_log(self) -> None:
        """Only who runs nginx can tell it to reopen its logs."""

    def log_size(self) -> int:
        return 0

    def complaints(self, since: int) -> list[str]:
        return ["nginx's error log says why; a port in use is a common reason"]
