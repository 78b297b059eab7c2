"""The machine and the process that comporta runs in, as far as leases need them."""

from __future__ import annotations

from typing import Protocol

from comporta.model.journal import Holder


class Host(Protocol):
    def me(self) -> Holder:
        """This process, as the holder of a lease."""

    def why_dead(self, holder: Holder) -> str:
        """Why the holder is certainly dead ("process 4711 has ended"); empty if it lives or nobody can tell."""

    def end(self, holder: Holder) -> str:
        """End the holder's process, which gets no chance to do anything more.

        Returns:
            Why that cannot be done; empty if the holder is dead now.
        """
