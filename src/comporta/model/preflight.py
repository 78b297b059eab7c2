"""What is looked at before a deployment, and what was found."""

from __future__ import annotations

import enum

from comporta.model.values import Value


class GateSpec(Value, frozen=True):
    """A command that must exit with 0. Words may hold {version}, {service} and {python}.

    Attributes:
        timeout: seconds.
        needs: a program without which the gate is skipped; empty: none.
        after: another gate that must have passed first; empty: none.
    """

    name: str
    run: tuple[str, ...]
    timeout: float = 600.0
    needs: str = ""
    after: str = ""


class Freeze(Value, frozen=True):
    """A time in which nothing is deployed: `begins` ≤ now < `ends`, in seconds since the epoch."""

    begins: float
    ends: float
    why: str


class PreflightSpec(Value, frozen=True):
    """What must hold before a deployment.

    Attributes:
        presets: whether usual commands for this kind of project are gates too.
        disk: bytes that must be free.
        before_deploy: whether `comporta deploy` asks all this by itself.
    """

    gates: tuple[GateSpec, ...] = ()
    presets: bool = False
    freeze: tuple[Freeze, ...] = ()
    disk: int = 200 * 1024**2
    before_deploy: bool = True


class GateState(enum.StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class GateResult(Value, frozen=True):
    """How one gate ended.

    Attributes:
        text: what was found, in a line; `details` the last lines of a command that failed.
        next: what helps, where it failed.
        log: the file with the whole output, where there is one.
        cached: it passed before, with the same inputs.
    """

    name: str
    state: GateState
    text: str = ""
    details: tuple[str, ...] = ()
    next: str = ""
    seconds: float = 0.0
    log: str = ""
    cached: bool = False
