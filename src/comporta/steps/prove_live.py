"""Make sure, as the last thing, that the release is the one that answers users. No evidence never promotes."""

from __future__ import annotations

from comporta.model.errors import StepFailed
from comporta.model.traffic import ReleaseRef
from comporta.ports.bundle import Ports
from comporta.steps.step import Facts, Step


class ProveLive(Step, frozen=True, tag="prove-live"):
    """The last steps may run long after a crash, or a reboot: what was true at the switch need not be true now."""

    release: ReleaseRef
    path: str

    @property
    def title(self) -> str:
        return f"prove that {self.release.version} serves"

    async def do(self, ports: Ports, began: float) -> Facts:
        answered = await ports.router.answering(self.path)
        if answered != self.release.number:
            what = f"release {answered} answers" if answered else "nobody answers"
            raise StepFailed(
                f"cannot call {self.release} live: {what} at {ports.router.address}",
                next="`comporta status` shows what runs; `comporta deploy` brings a release up again",
            )
        return {}
