"""Make sure, as the last thing, that the release is the one that answers users. No evidence never promotes."""

from __future__ import annotations

from contextlib import suppress

from comporta.model.errors import RouterError, StepFailed
from comporta.model.traffic import ReleaseRef
from comporta.ports.bundle import Ports
from comporta.steps.configure_router import bring_back
from comporta.steps.step import Facts, Step


class ProveLive(Step, frozen=True, tag="prove-live"):
    """The last steps may run long after a crash, or a reboot: what was true at the switch need not be true now.

    A proxy that died is started again, as there may be no way back any more.
    """

    release: ReleaseRef
    path: str

    @property
    def title(self) -> str:
        return f"prove that {self.release.version} serves"

    async def do(self, ports: Ports, began: float) -> Facts:
        with suppress(RouterError):  # then nobody answers, which is told
            await bring_back(ports)
        answered = await ports.router.answering(self.path)
        if answered != self.release.number:
            what = f"release {answered} answers" if answered else "nobody answers"
            raise StepFailed(
                f"cannot call {self.release} live: {what} at {ports.router.address}",
                next="`comporta status` shows what runs; `comporta deploy` brings a release up again",
            )
        return {}
