"""The one room that knows Java: reads a project file through MPXJ. Only the worker imports it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jpype
import mpxj  # noqa: F401  (puts MPXJ's jars on the class path)

from conversormpp.plan import Plan, Resource, Task

# -Xrs: SIGTERM stays Python's. The rest keeps a JVM small and quick to start beside its siblings.
JVM_OPTIONS = ("-Xrs", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.statusLoggerLevel=OFF")


class Unreadable(Exception):
    """The file is no project file that MPXJ can read."""


def start_java() -> None:
    jpype.startJVM(*JVM_OPTIONS)


def read(content: bytes) -> JavaProject:
    from java.io import ByteArrayInputStream
    from org.mpxj.reader import UniversalProjectReader

    try:
        project = UniversalProjectReader().read(ByteArrayInputStream(content))
    except jpype.JException as error:
        raise Unreadable(f"cannot read the project: {_reason(error)}") from error
    if project is None:
        raise Unreadable("cannot read the project: MPXJ does not recognise its format")
    return JavaProject(project)


def _reason(error: Any) -> str:
    while error.getCause() is not None:
        error = error.getCause()
    return str(error.getMessage() or error.getClass().getSimpleName())


@dataclass(frozen=True)
class JavaProject:
    java: Any

    @cached_property
    def plan(self) -> Plan:
        properties = self.java.getProjectProperties()
        resources = (Resource(_int(r.getID()), _text(r.getName())) for r in self.java.getResources() if r.getName())
        return Plan(
            name=_text(properties.getProjectTitle() or properties.getName()),
            tasks=tuple(_task(task) for task in self.java.getTasks()),
            resources=tuple(resources),
        )

    def mspdi(self) -> bytes:
        from java.io import ByteArrayOutputStream
        from org.mpxj.mspdi import MSPDIWriter

        output = ByteArrayOutputStream()
        MSPDIWriter().write(self.java, output)
        return bytes(output.toByteArray())


def _task(task: Any) -> Task:
    assigned = (assignment.getResource() for assignment in task.getResourceAssignments())
    return Task(
        id=_int(task.getID()),
        name=_text(task.getName()),
        level=_int(task.getOutlineLevel()),
        start=_text(task.getStart()),
        finish=_text(task.getFinish()),
        hours=_hours(task),
        percent=None if task.getPercentageComplete() is None else float(task.getPercentageComplete()),
        predecessors=tuple(_int(relation.getPredecessorTask().getID()) for relation in task.getPredecessors()),
        resources=tuple(_text(resource.getName()) for resource in assigned if resource is not None),
    )


def _hours(task: Any) -> float | None:
    from org.mpxj import TimeUnit

    duration = task.getDuration()
    if duration is None:
        return None
    calendar = task.getEffectiveCalendar() or task.getParentFile().getProjectProperties()
    return round(float(duration.convertUnits(TimeUnit.HOURS, calendar).getDuration()), 2)


def _int(value: Any) -> int:
    return 0 if value is None else int(value)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
