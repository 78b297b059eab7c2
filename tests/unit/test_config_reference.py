"""The page about the config tells what the models say, and its example is right."""

from __future__ import annotations

import re
from pathlib import Path

from comporta.config import loading
from comporta.config.reference import renewed
from support.configs import GOOD, OPTIONS, write

PAGE = Path(__file__).parents[2] / "docs" / "config.md"


def test_the_reference_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == renewed(page), "run scripts/config_reference.py"


def test_the_example_of_the_page_is_right(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert example
    (tmp_path / ".env.production").write_text("A=1\n")
    path = write(tmp_path, example[1])
    for name in loading.environments(path, OPTIONS):
        assert loading.load(path, name, OPTIONS, {}).environment == name


def test_the_example_of_the_page_about_alerts_is_right(tmp_path: Path) -> None:
    page = PAGE.with_name("alerts.md").read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert example
    path = write(tmp_path, example[1] + GOOD)
    assert len(loading.load(path, "production", OPTIONS, {}).alerts) == 4


def test_the_example_of_the_page_about_validation_is_right(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE.with_name("validate.md").read_text(encoding="utf-8"), re.DOTALL)
    assert example
    found = loading.load(write(tmp_path, example[1] + GOOD), "production", OPTIONS, {}).validate
    assert found.after_promotion
    assert found.features
    assert [check.name for check in found.features.checks] == ["buy", "search"]
    assert found.load
    assert found.load.to == 200.0
