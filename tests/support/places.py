"""What the points of a deployment are called, at which a test kills or disturbs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from comporta.engine.events import Direction, Moment, StepEvent


@dataclass(frozen=True)
class Point:
    """One of a plan. It is written DIRECTION:NUMBER-STEP:MOMENT, as "do:5-shift-traffic:after-effect"."""

    direction: Direction
    number: int
    step: str
    moment: Moment

    def __str__(self) -> str:
        return f"{self.direction}:{self.number}-{self.step}:{self.moment}"

    @classmethod
    def of(cls, written: str) -> Self:
        direction, step, moment = written.split(":")
        number, _, name = step.partition("-")
        return cls(Direction(direction), int(number), name, Moment(moment))


def point(event: StepEvent) -> Point:
    return Point(event.direction, event.index, event.step.__struct_config__.tag, event.moment)


def is_at(event: StepEvent, place: str) -> bool:
    """Whether it is that point; without a number, that of any step of this kind ("do:shift-traffic:after-effect")."""
    here = point(event)
    return place in (str(here), f"{here.direction}:{here.step}:{here.moment}")
