"""Secrets: filled in from the env file first, and never shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comporta.drivers.env_secrets import EnvSecrets
from comporta.model.errors import ConfigError


def secrets(folder: Path, text: str, **environ: str) -> EnvSecrets:
    path = folder / ".env"
    path.write_text(text, encoding="utf-8")
    return EnvSecrets(path, environ)


def test_the_env_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    text = """# a comment

A=plain # said
export B='single $HOME ${A}'
C="two\\nlines"
D=a=b#c
E=
A=last
"""
    found = secrets(tmp_path, text).env_file
    assert found == {"A": "last", "B": "single $HOME ${A}", "C": "two\nlines", "D": "a=b#c", "E": ""}


def test_a_name_is_taken_from_the_env_file_before_the_environment(tmp_path: Path) -> None:
    found = secrets(tmp_path, "A=file\n", A="environment", B="other")
    assert found.fill("${A}-${B}-$${A}-$A-{A}") == "file-other-${A}-$A-{A}"


def test_a_value_is_not_filled_in_again(tmp_path: Path) -> None:
    assert secrets(tmp_path, "A='${B}'\nB=no\n").fill("${A}") == "${B}"


def test_a_name_that_is_not_defined_says_where_to_define_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot fill in \$\{NOPE\}: it is not defined") as caught:
        secrets(tmp_path, "").fill("${NOPE}")
    assert f"define NOPE in {tmp_path / '.env'}" in caught.value.next
    with pytest.raises(ConfigError):
        EnvSecrets(None, {}).fill("${NOPE}")


def test_values_of_the_env_file_are_hidden(tmp_path: Path) -> None:
    found = secrets(tmp_path, 'A=hunter2\nB=abc\nKEY="first-line\\nsecond-line"\n')
    assert found.redact("hunter2 abc second-line") == "*** abc ***"


def test_values_of_the_environment_are_hidden_once_they_were_filled_in() -> None:
    found = EnvSecrets(None, {"A": "hunter2", "B": "hunter3"})
    assert found.redact("hunter2 hunter3") == "hunter2 hunter3"
    found.fill("${A}")
    assert found.redact("hunter2 hunter3") == "*** hunter3"


def test_a_secret_within_another_leaves_no_rest(tmp_path: Path) -> None:
    assert secrets(tmp_path, "A=pass\nB=password\n").redact("my password, my pass") == "my ***, my ***"


def test_a_missing_env_file_is_an_error_when_it_is_needed(tmp_path: Path) -> None:
    found = EnvSecrets(tmp_path / ".env", {})
    with pytest.raises(ConfigError, match="No such file"):
        found.fill("${NAME}")


def test_a_missing_env_file_hides_nothing_and_hinders_nobody_who_needs_no_value(tmp_path: Path) -> None:
    assert EnvSecrets(tmp_path / ".env", {}).redact("x") == "x"


@pytest.mark.parametrize("text", ["A", "A B=c", "=x", "A='open", "A=nul\0"])
def test_a_line_that_cannot_be_read_is_named_by_its_number_only(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.env:2:1: cannot read this line$"):
        _ = secrets(tmp_path, f"FIRST=1\n{text}\n").env_file


def test_an_env_file_must_be_utf_8(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        _ = EnvSecrets(tmp_path / ".env", {}).env_file


@given(st.text("ab${}N", max_size=12))
def test_an_escaped_text_is_filled_in_to_itself(text: str) -> None:
    escaped = re.sub(r"\$(?=\{)", "$$", text)
    if "$$" not in text:
        assert EnvSecrets(None, {}).fill(escaped) == text


@given(st.lists(st.text("abc \n", min_size=4, max_size=6), min_size=1, max_size=4), st.text("abc \n", max_size=6))
def test_no_secret_is_left_after_redaction(values: list[str], between: str) -> None:
    names = [f"S{i}" for i in range(len(values))]
    found = EnvSecrets(None, dict(zip(names, values, strict=True)))
    shown = found.redact(found.fill(between.join(f"${{{name}}}" for name in names)))
    assert not [value for value in values for part in shown.split("***") if value in part]
