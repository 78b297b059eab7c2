"""The formats that need no Java, and what a feature adds to them."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import dataclass

import pytest

from conversormpp.exporters import BASE_COLUMNS, BASE_EXPORTERS
from conversormpp.features import durations
from conversormpp.plan import Plan
from conversormpp.release import Release


@dataclass(frozen=True)
class PlainProject:
    plan: Plan

    def mspdi(self) -> bytes:
        return b"<Project/>"


@pytest.fixture
def project(plan: Plan) -> PlainProject:
    return PlainProject(plan)


def test_csv_is_read_back_as_it_was(project: PlainProject) -> None:
    content = BASE_EXPORTERS["csv"].write(project, BASE_COLUMNS).decode("utf-8-sig")
    titles, first, second = csv.reader(io.StringIO(content))
    assert titles == [column.title for column in BASE_COLUMNS]
    assert first == ["1", "1", "=1+1", "2026-01-05T08:00", "2026-01-06T17:00", "50.0", "", "Ann, Bob"]
    assert second[2:] == ["Prüfung, 2", "2026-01-07T08:00", "", "", "1", ""]


def test_json_keeps_numbers_and_gaps(project: PlainProject) -> None:
    document = json.loads(BASE_EXPORTERS["json"].write(project, BASE_COLUMNS))
    assert document["name"] == "A plan"
    assert [task["% complete"] for task in document["tasks"]] == [50.0, None]
    assert document["resources"] == [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}]


def test_a_name_that_looks_like_a_formula_is_text_in_a_spreadsheet(project: PlainProject) -> None:
    book = zipfile.ZipFile(io.BytesIO(BASE_EXPORTERS["xlsx"].write(project, BASE_COLUMNS)))
    assert "<f>" not in book.read("xl/worksheets/sheet1.xml").decode()
    strings = book.read("xl/sharedStrings.xml").decode()
    assert all(text in strings for text in ("=1+1", "Prüfung, 2", "Ann, Bob"))


def test_a_feature_adds_its_column_to_every_format(project: PlainProject) -> None:
    release = Release("1.1.0", {})
    durations.add_to(release)
    document = json.loads(release.exporters["json"].write(project, release.columns))
    assert [task["Duration (h)"] for task in document["tasks"]] == [16.0, None]
    assert "Duration (h)" not in [column.title for column in Release("1.0.0", {}).columns]
