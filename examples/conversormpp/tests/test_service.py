"""The whole service: a real web process, a real worker, real Java."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from conversormpp import samples
from conversormpp.preview import preview
from support.workload import REAL_FILES, Instance

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
# Tasks of each, the project's own summary task included.
REAL = {
    "calendar-recurring-exceptions-project2016-mpp14.mpp": 1,
    "mpp12assignmentfields.mpp": 2,
    "mpp14header.mpp": 1,
    "mpp9columns.mpp": 2,
    "resource-numbers-project2019-mpp14.mpp": 1,
    "task-costs-project2019-mpp12.mpp": 11,
}
TASKS = 25
Start = Callable[..., Instance]


def tasks_in(content: bytes, format: str) -> int:
    if format == "json":
        return len(json.loads(content)["tasks"])
    if format == "csv":
        return len(list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))) - 1
    if format == "xlsx":
        sheet = ElementTree.fromstring(zipfile.ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml"))
        return len(list(sheet.iter("{http://schemas.openxmlformats.org/spreadsheetml/2006/main}row"))) - 1
    return int(preview(content)["tasks"])


def test_every_format_from_both_generated_formats(start: Start) -> None:
    service = start()
    for name, content in (("plan.xml", samples.mspdi(TASKS)), ("plan.mpx", samples.mpx(TASKS))):
        for format in ("xlsx", "csv", "json", "mspdi"):
            assert tasks_in(service.convert(name, content, format), format) == TASKS


def test_what_was_generated_is_what_is_read(start: Start) -> None:
    service = start()
    for name, content in (("plan.xml", samples.mspdi(TASKS)), ("plan.mpx", samples.mpx(TASKS))):
        rows = json.loads(service.convert(name, content, "json"))["tasks"]
        for row, item in zip(rows, samples.items(TASKS, 5), strict=True):
            assert (row["ID"], row["Task"], row["Level"]) == (item.id, item.name, item.level)
            assert (row["Start"], row["Finish"]) == (f"{item.start:%Y-%m-%dT%H:%M}", f"{item.finish:%Y-%m-%dT%H:%M}")
            assert (row["Duration (h)"], row["% complete"]) == (item.days * 8, item.percent)
            assert row["Predecessors"] == str(item.after or "")
            assert row["Resources"] == (f"Resource {item.resource}" if item.resource else "")


@pytest.mark.skipif(
    not REAL_FILES.is_dir(), reason=f"no real .mpp files in {REAL_FILES.name}: set CONVERSORMPP_SAMPLES"
)
def test_real_files_of_microsoft_project_in_every_format(start: Start) -> None:
    service = start()
    for name, tasks in REAL.items():
        for format in ("xlsx", "csv", "json"):
            assert tasks_in(service.convert(name, (REAL_FILES / name).read_bytes(), format), format) == tasks
        again = service.convert(name, (REAL_FILES / name).read_bytes(), "mspdi")
        assert tasks_in(service.convert("again.xml", again, "json"), "json") == tasks


def test_a_result_is_a_download_named_after_the_upload(start: Start) -> None:
    service = start()
    url = service.submit("C:\\pläne\\plan 1.xml", samples.mspdi(3), "csv")
    assert service.finished(url)["tasks"] == 3
    answer = service.get(f"{url}/result")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''plan%201.csv"


def test_a_file_that_mpxj_cannot_read_fails_with_the_reason(start: Start) -> None:
    service = start()
    url = service.submit("broken.mpp", b"\xd0\xcf\x11\xe0" + b"x" * 2000)
    job = service.finished(url)
    assert (job["status"], job["error"]) == ("failed", "cannot read the project: MPXJ does not recognise its format")
    answer = service.get(f"{url}/result")
    assert (answer.status_code, answer.json()) == (422, {"error": job["error"]})


def test_what_is_wrong_is_refused_with_status_and_reason(start: Start) -> None:
    service, plan = start(MAX_UPLOAD_MB="1"), samples.mspdi(3)
    refused = {
        400: service.post("/api/conversions", "plan.xml", plan, format="pdf"),
        404: service.get("/api/conversions/none"),
        413: service.post("/api/conversions", "plan.mpp", b"\xd0\xcf\x11\xe0" + bytes(2 * 1024 * 1024)),
        415: service.post("/api/conversions", "plan.txt", plan),
        422: service.post("/api/preview", "page.xml", b"<html/>"),
        411: service.client.post("/api/preview", content=iter([b"chunk"])),
        405: service.client.delete("/api/conversions"),
    }
    for status, answer in refused.items():
        assert answer.status_code == status, answer.text
        assert answer.json()["error"]
    disguised = service.post("/api/conversions", "plan.mpp", plan)
    assert (disguised.status_code, disguised.json()["error"]) == (415, "the content is not that of a .mpp file")
    assert service.post("/api/conversions?x=1", "plan.xml", plan).status_code == 202  # the connection still works


def test_the_history_is_paged_searched_and_shown(start: Start) -> None:
    service = start()
    for name in ("alpha.xml", "beta.xml", "<b>gamma.xml"):
        service.finished(service.submit(name, samples.mspdi(3)))
    first = service.get("/api/conversions?size=2").json()
    assert [job["filename"] for job in first["items"]] == ["<b>gamma.xml", "beta.xml"]
    assert (first["total"], first["pages"]) == (3, 2)
    assert [job["filename"] for job in service.get("/api/conversions?size=2&page=2").json()["items"]] == ["alpha.xml"]
    assert service.get("/api/conversions?q=BETA").json()["total"] == 1
    assert service.get("/api/conversions?page=0").status_code == 400
    page = service.get("/").text
    assert "&lt;b&gt;gamma.xml" in page
    assert first["items"][0]["result_url"] in page


def test_the_preview_counts_without_a_worker(start: Start) -> None:
    service = start()
    answer = service.post("/api/preview", "plan.mpx", samples.mpx(12, 3)).json()
    assert answer == {"format": "mpx", "title": "Sample of 12 tasks", "tasks": 12, "resources": 3, "assignments": 10}
    assert service.workers() == []


def test_releases_differ_in_what_they_can_do(start: Start) -> None:
    old, new, newest = start("1.0.0"), start("1.1.0"), start("1.2.0")
    for service, version in ((old, "1.0.0"), (new, "1.1.0"), (newest, "1.2.0")):
        answer = service.get("/health")
        assert answer.headers["x-app-version"] == answer.json()["version"] == version
        assert version in service.get("/").text
    pages = [service.get("/").text for service in (old, new, newest)]
    assert ["mspdi" in page for page in pages] == [False, True, True]
    assert ["#101a33" in page for page in pages] == [False, True, True]
    assert ['type="search"' in page for page in pages] == [False, False, True]
    assert old.post("/api/conversions", "plan.xml", samples.mspdi(3), "mspdi").status_code == 400
    columns = [json.loads(s.convert("p.xml", samples.mspdi(3), "json"))["tasks"][0].keys() for s in (old, new)]
    assert columns[1] - columns[0] == {"Duration (h)"}


def test_the_smoke_test_passes_on_a_good_release_and_fails_on_a_silent_port(start: Start) -> None:
    service = start()
    command = [sys.executable, str(ROOT / "examples/conversormpp/smoke.py")]
    passed = subprocess.run([*command, service.url], capture_output=True, text=True, check=False)
    assert (passed.returncode, passed.stdout) == (0, "smoke test passed: 20 tasks converted by 1.2.0\n")
    service.stop()
    failed = subprocess.run([*command, service.url], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "smoke test failed" in failed.stderr
