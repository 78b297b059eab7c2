"""What HAProxy looks up in one of its maps: read, changed and kept, in the file and in the workers."""

from __future__ import annotations

from comporta.drivers.routers.haproxy_control import Control, Workers
from comporta.drivers.routers.haproxy_map import MapFile


class Lookup:
    def __init__(self, file: MapFile, control: Control) -> None:
        self.file = file
        self._control = control

    async def value(self, workers: Workers | None) -> str:
        """What HAProxy looks up, or would when it starts; empty if there is nothing."""
        if workers is None:
            return self.file.values()[0]
        return await self._control.value(workers.current, self.file.path)

    async def set(self, workers: Workers, value: str) -> str:
        """What HAProxy objects: then all is as before. Empty when it obeys."""
        before, _ = self.file.values()
        self.file.write(value)
        refusal = await self._control.set_value(workers, self.file.path, value)
        if refusal and before:
            self.file.write(before)
        elif not refusal:
            self.file.settle()
        return refusal

    async def keep(self, workers: Workers | None) -> None:
        """A reload must not change it, whatever became of the file that HAProxy then reads."""
        value = await self.value(workers)
        if self.file.knows(value) and value != self.file.values()[0]:
            self.file.write(value)
            self.file.settle()
        self.file.begin_if_new()
