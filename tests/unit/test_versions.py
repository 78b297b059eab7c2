"""Versions: semver's own rules, held against the `packaging` library where both speak of the same thing."""

from __future__ import annotations

import itertools
import json
import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version as PythonVersion

from comporta.model.errors import UsageError
from comporta.model.version_files import version_in, with_version
from comporta.model.versions import CHANGES, LABELS, Version, built, following, parse

# The expression that semver.org itself gives, written in its own way.
OFFICIAL = re.compile(
    r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?\Z",
    re.ASCII,
)
IN_ORDER = [
    "0.9.9",
    "1.0.0-0",
    "1.0.0-2",
    "1.0.0-11",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1-build.9",
    "1.0.1-build.10",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "10.0.0",
]

numbers = st.integers(min_value=0, max_value=10**6)
words = st.from_regex(r"\A[0-9A-Za-z-]{1,6}\Z")
pre_words = words.filter(lambda word: not (word.isdigit() and len(word) > 1 and word[0] == "0"))
any_version = st.builds(
    Version,
    major=numbers,
    minor=numbers,
    patch=numbers,
    pre=st.lists(pre_words, max_size=3).map(tuple),
    build=st.lists(words, max_size=2).map(tuple),
)
ours = st.builds(
    Version,
    major=numbers,
    minor=numbers,
    patch=numbers,
    pre=st.one_of(st.just(()), st.tuples(st.sampled_from(LABELS), st.integers(1, 300).map(str))),
)


@given(any_version)
def test_what_is_written_is_semver_and_is_read_back(version: Version) -> None:
    assert OFFICIAL.match(str(version))
    assert parse(str(version)) == version


@given(st.one_of(st.text(alphabet="01289.-+aZ \n", max_size=12), st.text(max_size=8), any_version.map(str)))
def test_exactly_what_semver_allows_is_read(text: str) -> None:
    if OFFICIAL.match(text):
        assert str(parse(text)) == text
    else:
        with pytest.raises(UsageError):
            parse(text)


def test_the_order_is_that_of_the_specification() -> None:
    found = [parse(text) for text in IN_ORDER]
    assert all(earlier < later and not later < earlier for earlier, later in itertools.combinations(found, 2))


@given(ours, ours)
def test_python_sorts_our_versions_the_same_way(one: Version, other: Version) -> None:
    assert (one < other) == (PythonVersion(str(one)) < PythonVersion(str(other)))


@given(any_version, st.sampled_from(CHANGES))
def test_the_next_release_is_later_and_the_least_of_its_kind(current: Version, change: str) -> None:
    found = following(current, change)
    assert current < found
    assert not found.pre
    if change == "major":
        assert (found.minor, found.patch) == (0, 0)
    if change == "minor":
        assert found.patch == 0


@given(ours, st.sampled_from(CHANGES), st.sampled_from(LABELS))
def test_a_pre_release_lies_between_the_version_and_its_release(current: Version, change: str, label: str) -> None:
    release = following(current, change)
    try:
        found = following(current, change, label)
    except UsageError:
        assert current.pre
        assert LABELS.index(label) < LABELS.index(current.pre[0])
        return
    assert current < found < release
    assert PythonVersion(str(current)) < PythonVersion(str(found)) < PythonVersion(str(release))
    assert following(found, "patch") == release


@pytest.mark.parametrize(
    ("current", "change", "label", "wanted"),
    [
        ("1.2.3", "patch", None, "1.2.4"),
        ("1.2.3", "minor", None, "1.3.0"),
        ("1.2.3", "major", None, "2.0.0"),
        ("1.2.3", "minor", "rc", "1.3.0-rc.1"),
        ("1.3.0-rc.1", "patch", "rc", "1.3.0-rc.2"),
        ("1.3.0-rc.9", "minor", "rc", "1.3.0-rc.10"),
        ("1.3.0-beta.4", "patch", "rc", "1.3.0-rc.1"),
        ("1.3.0-rc.2", "patch", None, "1.3.0"),
        ("1.3.0-rc.2", "major", None, "2.0.0"),
        ("1.3.1-rc.2", "minor", None, "1.4.0"),
        ("2.0.0-rc.1", "major", "rc", "2.0.0-rc.2"),
        ("1.2.3+abc", "patch", None, "1.2.4"),
    ],
)
def test_which_version_comes_next(current: str, change: str, label: str | None, wanted: str) -> None:
    assert str(following(parse(current), change, label)) == wanted


@given(ours, st.integers(0, 10**14), st.integers(0, 10**14), st.from_regex(r"\A[0-9a-f]{7,12}\Z"))
def test_builds_sort_by_their_number_and_before_their_version(
    version: Version, one: int, other: int, commit: str
) -> None:
    first, second = built(version, f"{one:06}", commit), built(version, str(other), commit)
    assert OFFICIAL.match(str(first))
    assert (first < second) == (one < other)
    if not version.pre:
        assert first < version


@pytest.mark.parametrize("number", ["", "1..2", "a b", "²", "1+2", "1\n"])
def test_a_build_number_that_cannot_be_part_of_a_version_is_refused(number: str) -> None:
    with pytest.raises(UsageError, match="build number"):
        built(parse("1.0.0"), number, "abc1234")


PYPROJECT = """\
# version = "1.2.3" is what we ship
[build-system]
requires = ["shop==1.2.3"]   # version = "1.2.3"

[tool.other]
version = "1.2.3"

[project]
name    = 'shop'
description = \"\"\"
version = "1.2.3"
\"\"\"
version =   '1.2.3'  # keep me\r
dependencies = ["a>=1.2.3"]
"""
PACKAGE = '{\n\t"dependencies": {"version": "1.2.3"},\n\t"version" :  "1.2.3",\n\t"ü": [ 1.0 ]\n}'


@pytest.mark.parametrize(
    ("file", "text", "wanted"),
    [
        ("pyproject.toml", PYPROJECT, PYPROJECT.replace("'1.2.3'", "'1.3.0'")),
        ("api/package.json", PACKAGE, PACKAGE.replace(':  "1.2.3"', ':  "1.3.0"')),
        ("VERSION", "1.2.3\r\n", "1.3.0\r\n"),
        ("VERSION", "1.2.3", "1.3.0"),
        ("pyproject.toml", '[tool.poetry]\nversion = "1.2.3"\n', '[tool.poetry]\nversion = "1.3.0"\n'),
    ],
)
def test_only_the_version_changes(file: str, text: str, wanted: str) -> None:
    assert str(version_in(file, text)) == "1.2.3"
    assert with_version(file, text, parse("1.3.0")) == wanted


@given(any_version, any_version, st.dictionaries(st.text(), st.text()), st.sampled_from([None, 1, "\t"]))
def test_a_package_keeps_all_but_its_version(old: Version, new: Version, rest: dict[str, str], indent: object) -> None:
    text = json.dumps({**rest, "other": str(old), "version": str(old)}, indent=indent)  # type: ignore[arg-type]
    assert json.loads(with_version("package.json", text, new)) == {**json.loads(text), "version": str(new)}


@given(any_version, any_version)
def test_a_project_keeps_all_but_its_version(old: Version, new: Version) -> None:
    text = f'[a]\nversion = "{old}"\n[project]\n# "{old}"\ndependencies = ["{old}"]\nversion = "{old}"\n'
    changed = with_version("pyproject.toml", text, new)
    wanted = tomllib.loads(text)
    wanted["project"]["version"] = str(new)
    assert tomllib.loads(changed) == wanted


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("pyproject.toml", '[project]\ndynamic = ["version"]\n', "there is no `project.version`"),
        ("pyproject.toml", "[project\n", "cannot read pyproject.toml"),
        ("package.json", "[]", "there is no `version`"),
        ("package.json", '{"version": 3}', "not a semantic version"),
        ("package.json", '{"version": "1.2"}', "not a semantic version"),
        ("VERSION", "", "not a semantic version"),
        ("VERSION", "1.2.3\n1.2.4\n", "not a semantic version"),
    ],
)
def test_a_file_without_a_version_is_refused(file: str, text: str, why: str) -> None:
    with pytest.raises(UsageError, match=re.escape(why)):
        version_in(file, text)
