"""What the runner tells while it works: for progress on a screen, and for tests that kill it at each point."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from comporta.steps.step import Facts, Step


class Moment(enum.StrEnum):
    """The points of a step, in order. Between any two of them the process may die."""

    BEFORE_INTENT = "before-intent"
    AFTER_INTENT = "after-intent"
    AFTER_EFFECT = "after-effect"
    AFTER_RESULT = "after-result"


class Direction(enum.StrEnum):
    DO = "do"
    UNDO = "undo"


class StepEvent(Struct, frozen=True):
    """`error` is set after a result that is a failure: one line."""

    moment: Moment
    direction: Direction
    index: int
    step: Step
    facts: Facts = field(default_factory=dict)
    error: str = ""
    resumed: bool = False


Listener = Callable[[StepEvent], None]


def ignore(event: StepEvent) -> None:
    """Listens to nothing."""
