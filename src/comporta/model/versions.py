"""Semantic versions (semver.org, 2.0.0): reading, order, and which one comes next. Pure."""

from __future__ import annotations

import re

from comporta.model.errors import UsageError
from comporta.model.values import Value

NUMBER = r"0|[1-9][0-9]*"
WORD = r"[0-9A-Za-z-]+"
PRE = rf"(?:{NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
SEMVER = re.compile(
    rf"({NUMBER})\.({NUMBER})\.({NUMBER})(?:-({PRE}(?:\.{PRE})*))?(?:\+({WORD}(?:\.{WORD})*))?", re.ASCII
)
LONGEST = 1000
"""Characters: a number with more digits than Python reads is nobody's version."""

CHANGES = ("patch", "minor", "major")
"""What a release may change, the least first."""
LABELS = ("alpha", "beta", "rc")
"""Names of pre-releases, in their order. Only these: they mean the same, and sort the same, in Python's versions."""


class Version(Value, frozen=True):
    """A version as semver has it. `<` is its precedence, in which build metadata does not count."""

    major: int
    minor: int
    patch: int
    pre: tuple[str, ...] = ()
    build: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        text += f"-{'.'.join(self.pre)}" if self.pre else ""
        return text + (f"+{'.'.join(self.build)}" if self.build else "")

    def __lt__(self, other: Version) -> bool:
        return self.precedence < other.precedence

    @property
    def precedence(self) -> tuple[object, ...]:
        """Sorts as semver says: a release after its pre-releases; numbers by value, and before words."""
        fields = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre)
        return (self.major, self.minor, self.patch, not self.pre, fields)


def parse(text: str) -> Version:
    """
    Raises:
        UsageError: it is not a semantic version.
    """
    match = SEMVER.fullmatch(text) if len(text) <= LONGEST else None
    if match is None:
        raise UsageError(f"cannot read {text!r}: it is not a semantic version", next="write it like 1.4.0")
    major, minor, patch, pre, build = match.groups()
    return Version(
        major=int(major),
        minor=int(minor),
        patch=int(patch),
        pre=tuple(pre.split(".")) if pre else (),
        build=tuple(build.split(".")) if build else (),
    )


def following(current: Version, change: str, label: str | None = None) -> Version:
    """The next version.

    Of a pre-release, the release that it leads to comes next, unless the change is larger than that.

    Args:
        change: "major", "minor" or "patch".
        label: of the pre-release to make ("rc" → 1.4.0-rc.1, then 1.4.0-rc.2); None: a release.

    Raises:
        UsageError: the pre-release would sort before the current version.
    """
    release = _release(current, change)
    if label is None:
        return release
    count = 1
    if current.pre and _core(current) == _core(release) and current.pre[0] == label:
        count = _count(current) + 1
    found = _with_pre(release, (label, str(count)))
    if not current < found:
        raise UsageError(
            f"cannot make a pre-release {found}: it would sort before {current}",
            next=f"the order is {', '.join(LABELS)}; without --pre, {release} is next",
        )
    return found


def built(version: Version, number: str, commit: str) -> Version:
    """The name of one build of a version: `1.4.0-build.7+4f3a2b1`. It sorts before the version, by its number.

    Args:
        number: from the build server, or a time; leading zeros are dropped, as semver forbids them.
        commit: the abbreviated hash of what was built.

    Raises:
        UsageError: the number cannot be part of a version.
    """
    parts = tuple(part.lstrip("0") or "0" if part.isdigit() else part for part in number.split("."))
    if not all(re.fullmatch(PRE, part) for part in parts):
        raise UsageError(
            f"cannot use the build number {number!r}: it cannot be part of a version",
            next="set BUILD_NUMBER to letters, digits and -, with dots between them",
        )
    return Version(
        major=version.major,
        minor=version.minor,
        patch=version.patch,
        pre=(*version.pre, "build", *parts),
        build=(commit,),
    )


def _release(current: Version, change: str) -> Version:
    major, minor, patch = _core(current)
    if change == "major" and (minor or patch or not current.pre):
        major, minor, patch = major + 1, 0, 0
    elif change == "minor" and (patch or not current.pre):
        minor, patch = minor + 1, 0
    elif change == "patch" and not current.pre:
        patch += 1
    return Version(major=major, minor=minor, patch=patch)


def _core(version: Version) -> tuple[int, int, int]:
    return version.major, version.minor, version.patch


def _count(version: Version) -> int:
    return next((int(part) for part in version.pre[1:2] if part.isdigit()), 0)


def _with_pre(version: Version, pre: tuple[str, ...]) -> Version:
    return Version(major=version.major, minor=version.minor, patch=version.patch, pre=pre)
