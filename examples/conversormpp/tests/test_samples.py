"""The generated plans say the same in both formats, whatever their size."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversormpp import samples
from conversormpp.preview import NotPreviewable, preview

SIZES = st.integers(0, 60)


@given(tasks=SIZES, resources=st.integers(1, 9))
def test_both_formats_hold_the_tasks_that_were_asked_for(tasks: int, resources: int) -> None:
    xml, text = preview(samples.mspdi(tasks, resources)), preview(samples.mpx(tasks, resources))
    assert xml == {**text, "format": "mspdi"}
    assert (xml["tasks"], xml["resources"]) == (tasks, resources)
    assert xml["title"] == f"Sample of {tasks} tasks"


@given(tasks=SIZES)
def test_the_work_is_one_chain_on_working_days(tasks: int) -> None:
    leaves = [item for item in samples.items(tasks, 3) if item.resource is not None]
    assert [leaf.after for leaf in leaves] == [None, *(leaf.id for leaf in leaves)][: len(leaves)]
    assert all(moment.weekday() < 5 for leaf in leaves for moment in (leaf.start, leaf.finish))
    assert all(before.finish < after.start for before, after in pairwise(leaves))


def test_a_phase_spans_its_tasks() -> None:
    phase, *inside = samples.items(10, 3)
    assert (phase.start, phase.finish) == (inside[0].start, inside[-1].finish)
    assert phase.days == sum(leaf.days for leaf in inside)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"<html/>", "no MSPDI project"), (b"<Project", "well-formed"), (b"", "well-formed"), (b"%PDF", "well-formed")],
)
def test_a_file_that_is_no_plan_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(NotPreviewable, match=reason):
        preview(content)


def test_an_mpx_file_may_use_another_separator() -> None:
    assert preview(samples.mpx(12, 2).replace(b",", b";")) == preview(samples.mpx(12, 2))


def test_elements_that_only_look_like_tasks_are_not_counted() -> None:
    xml = samples.mspdi(3, 1).replace(b"<Title>", b"<Views><View><Task/></View></Views><Title>")
    assert preview(xml)["tasks"] == 3
