"""A project plan as the exporters see it, and the project that it was read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Task:
    """`start` and `finish` are ISO 8601 local times or empty; `hours` and `percent` may be unknown."""

    id: int
    name: str
    level: int
    start: str
    finish: str
    hours: float | None
    percent: float | None
    predecessors: tuple[int, ...]
    resources: tuple[str, ...]


@dataclass(frozen=True)
class Resource:
    id: int
    name: str


@dataclass(frozen=True)
class Plan:
    name: str
    tasks: tuple[Task, ...]
    resources: tuple[Resource, ...]


class Project(Protocol):
    """What a conversion starts from: the plan, and the whole project as MSPDI XML."""

    @property
    def plan(self) -> Plan: ...

    def mspdi(self) -> bytes: ...
