"""Project plans made to measure, as MSPDI XML and as MPX, for the smoke test, health checks, tests and load tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

MONDAY = datetime(2026, 1, 5, 8)  # noqa: DTZ001  (project files know local times only)
PHASE = 10  # every tenth task is a phase: a summary of the nine that follow it


@dataclass(frozen=True)
class Item:
    """A task of the sample; `after` is the id of its predecessor, `resource` the id of who does it (None: a phase)."""

    id: int
    name: str
    level: int
    start: datetime
    finish: datetime
    days: int
    percent: int
    after: int | None
    resource: int | None


def items(tasks: int, resources: int) -> list[Item]:
    """`tasks` tasks, phases included: one chain of work days from Monday, the resources taking turns."""
    leaves = {leaf.id: leaf for leaf in _chain(tasks, resources)}
    return [leaves.get(number) or _phase(number, leaves) for number in range(1, tasks + 1)]


def _chain(tasks: int, resources: int) -> Iterator[Item]:
    day, before = 0, None
    for number in range(1, tasks + 1):
        if number % PHASE == 1:
            continue
        days = 1 + number % 3
        finish = _workday(day + days - 1) + timedelta(hours=9)
        percent = 100 if number * 3 <= tasks else 0  # the first third is done
        yield Item(number, f"Task {number}", 2, _workday(day), finish, days, percent, before, 1 + number % resources)
        day, before = day + days, number


def _phase(number: int, leaves: dict[int, Item]) -> Item:
    inside = [leaves[n] for n in range(number + 1, number + PHASE) if n in leaves]
    name, days = f"Phase {1 + number // PHASE}", sum(leaf.days for leaf in inside)
    percent = round(sum(leaf.days * leaf.percent for leaf in inside) / (days or 1))
    start, finish = (inside[0].start, inside[-1].finish) if inside else (MONDAY, MONDAY)
    return Item(number, name, 1, start, finish, days, percent, None, None)


def _workday(index: int) -> datetime:
    return MONDAY + timedelta(days=index // 5 * 7 + index % 5)


def mspdi(tasks: int = 50, resources: int = 5) -> bytes:
    """The plan as Microsoft Project's XML."""
    plan = items(tasks, resources)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Project xmlns="http://schemas.microsoft.com/project">'
        f"<Name>sample</Name><Title>Sample of {tasks} tasks</Title><StartDate>{MONDAY.isoformat()}</StartDate>"
        "<MinutesPerDay>480</MinutesPerDay><MinutesPerWeek>2400</MinutesPerWeek><DaysPerMonth>20</DaysPerMonth>"
        f"<Tasks>{''.join(map(_mspdi_task, plan))}</Tasks>"
        f"<Resources>{''.join(map(_mspdi_resource, range(1, resources + 1)))}</Resources>"
        f"<Assignments>{''.join(_mspdi_assignment(item) for item in plan if item.resource)}</Assignments></Project>\n"
    ).encode()


def _mspdi_resource(number: int) -> str:
    return f"<Resource><UID>{number}</UID><ID>{number}</ID><Name>Resource {number}</Name><Type>1</Type></Resource>"


def _mspdi_assignment(item: Item) -> str:
    return (
        f"<Assignment><UID>{item.id}</UID><TaskUID>{item.id}</TaskUID><ResourceUID>{item.resource}</ResourceUID>"
        f"<Units>1</Units><Work>PT{item.days * 8}H0M0S</Work></Assignment>"
    )


def _mspdi_task(item: Item) -> str:
    link = f"<PredecessorLink><PredecessorUID>{item.after}</PredecessorUID><Type>1</Type></PredecessorLink>"
    return (
        f"<Task><UID>{item.id}</UID><ID>{item.id}</ID><Name>{escape(item.name)}</Name>"
        f"<OutlineLevel>{item.level}</OutlineLevel><Start>{item.start.isoformat()}</Start>"
        f"<Finish>{item.finish.isoformat()}</Finish><Duration>PT{item.days * 8}H0M0S</Duration>"
        f"<DurationFormat>7</DurationFormat><PercentComplete>{item.percent}</PercentComplete>"
        f"<Summary>{int(item.resource is None)}</Summary>"
        f"{link if item.after else ''}</Task>"
    )


# What an MPX line says at its start (its record number), and which task and resource fields the tables announce.
MPX_HEADER, MPX_RESOURCE_TABLE, MPX_RESOURCE, MPX_TASK_TABLE, MPX_TASK, MPX_ASSIGNMENT = 30, 41, 50, 61, 70, 75
MPX_RESOURCE_FIELDS = "1,40,49"  # name, ID, unique ID
MPX_TASK_FIELDS = "1,3,40,44,50,51,70,90,98"  # name, level, duration, % complete, start, finish, predecessors, IDs


def mpx(tasks: int = 50, resources: int = 5) -> bytes:
    """The plan as MPX 4.0, the text format of Microsoft Project 4 and 98."""
    plan = items(tasks, resources)
    lines = [
        "MPX,Microsoft Project for Windows,4.0,ANSI",
        "12,1,1,480,/,:,,,21,20",  # dates as day/month/year hour:minute
        f"{MPX_HEADER},Sample of {tasks} tasks,,,Standard,{MONDAY:%d/%m/%Y %H:%M}",
        f"{MPX_RESOURCE_TABLE},{MPX_RESOURCE_FIELDS}",
        *(f"{MPX_RESOURCE},Resource {n},{n},{n}" for n in range(1, resources + 1)),
        f"{MPX_TASK_TABLE},{MPX_TASK_FIELDS}",
        *(line for item in plan for line in _mpx_task(item)),
    ]
    return ("\r\n".join(lines) + "\r\n").encode("cp1252")


def _mpx_task(item: Item) -> Iterator[str]:
    start, finish = (f"{moment:%d/%m/%Y %H:%M}" for moment in (item.start, item.finish))
    work = f"{item.days}d,{item.percent}%,{start},{finish}"
    yield f"{MPX_TASK},{item.name},{item.level},{work},{item.after or ''},{item.id},{item.id}"
    if item.resource:
        yield f"{MPX_ASSIGNMENT},{item.resource},1,{item.days * 8}h"
