"""Plan to file, one pure function a format. All formats show the same columns."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from conversormpp.plan import Project, Task

Value = str | int | float | None


@dataclass(frozen=True)
class Column:
    title: str
    value: Callable[[Task], Value]


@dataclass(frozen=True)
class Exporter:
    extension: str
    media_type: str
    write: Callable[[Project, Sequence[Column]], bytes]


def to_csv(project: Project, columns: Sequence[Column]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(column.title for column in columns)
    writer.writerows([column.value(task) for column in columns] for task in project.plan.tasks)
    return text.getvalue().encode("utf-8-sig")  # with a mark, without which Excel reads it as Latin-1


def to_json(project: Project, columns: Sequence[Column]) -> bytes:
    plan = project.plan
    tasks = [{column.title: column.value(task) for column in columns} for task in plan.tasks]
    document = {"name": plan.name, "tasks": tasks, "resources": [asdict(resource) for resource in plan.resources]}
    return json.dumps(document, indent=1, ensure_ascii=False).encode()


def to_xlsx(project: Project, columns: Sequence[Column]) -> bytes:
    import xlsxwriter

    content = io.BytesIO()
    # A task may be called "=1+1": names are text, never formulas or links.
    with xlsxwriter.Workbook(
        content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        bold = book.add_format({"bold": True, "bottom": 1})
        rows = [[column.value(task) for column in columns] for task in project.plan.tasks]
        _fill(book.add_worksheet("Tasks"), [column.title for column in columns], rows, bold)
        _fill(book.add_worksheet("Resources"), ["ID", "Name"], [[r.id, r.name] for r in project.plan.resources], bold)
    return content.getvalue()


def _fill(sheet: Any, titles: list[str], rows: list[list[Value]], bold: Any) -> None:
    sheet.write_row(0, 0, titles, bold)
    for index, row in enumerate(rows, start=1):
        sheet.write_row(index, 0, row)
    sheet.freeze_panes(1, 0)
    sheet.autofit()


BASE_COLUMNS = (
    Column("ID", lambda task: task.id),
    Column("Level", lambda task: task.level),
    Column("Task", lambda task: task.name),
    Column("Start", lambda task: task.start),
    Column("Finish", lambda task: task.finish),
    Column("% complete", lambda task: task.percent),
    Column("Predecessors", lambda task: ", ".join(map(str, task.predecessors))),
    Column("Resources", lambda task: ", ".join(task.resources)),
)

BASE_EXPORTERS = {
    "xlsx": Exporter("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", to_xlsx),
    "csv": Exporter("csv", "text/csv; charset=utf-8", to_csv),
    "json": Exporter("json", "application/json", to_json),
}
