"""The maintenance page: a file, and a link to it, for which nginx looks with each request. No reload is needed."""

from __future__ import annotations

import os

from comporta.drivers.routers.nginx_home import Home, sync


class Maintenance:
    def __init__(self, home: Home) -> None:
        self._page = home.page
        self._link = home.maintenance

    def is_up(self) -> bool:
        """As nginx tests it."""
        return self._link.is_file()

    def set(self, page: str | None) -> None:
        """In force for every request that arrives from now on; durable when it returns. None: take it down."""
        if page is None:
            self._link.unlink(missing_ok=True)
        else:
            self._write(page)
            self._link_to_it()
        # Users do not wait for the disk: only what this promises does.
        sync(self._link.parent)

    def _write(self, page: str) -> None:
        beside = self._page.with_name(".page.new")
        beside.write_text(page, encoding="utf-8", newline="")
        beside.chmod(0o644)
        os.replace(beside, self._page)

    def _link_to_it(self) -> None:
        beside = self._link.with_name(".maintenance.new")
        beside.unlink(missing_ok=True)
        beside.symlink_to(self._page.name)
        os.replace(beside, self._link)
        sync(self._page)
