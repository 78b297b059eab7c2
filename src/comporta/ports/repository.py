"""The version control that a service's code is kept in."""

from __future__ import annotations

from typing import Protocol

from comporta.model.commits import Commit
from comporta.model.values import Value


class Prepared(Value, frozen=True):
    """A release that exists as objects only: no branch, no tag and no file shows it yet.

    Attributes:
        commit: the hash of its commit.
        tag: the name of its tag; `tag_object` the hash of the annotated tag itself.
    """

    commit: str
    tag: str
    tag_object: str


class Remote(Value, frozen=True):
    """The remote repository as it is now.

    Attributes:
        tip: the last commit of the branch there; None if it has no such branch.
        tags: name of each tag → (hash of the tag, hash of the commit that it names).
    """

    tip: str | None
    tags: dict[str, tuple[str, str]]


class Repository(Protocol):
    """All raise RepositoryError where the version control itself refuses. Files are relative to the config's folder."""

    async def branch(self) -> str | None:
        """The branch that is checked out; None where there is none (a detached head)."""

    async def commit(self, name: str = "HEAD") -> Commit: ...

    async def log(self, since: str | None) -> list[Commit]:
        """What was committed after a tag (or ever), newest first."""

    async def tags(self, *, merged: bool = False) -> dict[str, str]:
        """Name of each local tag → the commit that it names. `merged`: only those that the branch contains."""

    async def changed(self, file: str | None = None) -> frozenset[str]:
        """Files under version control (or only this one) that differ from the last commit, by their whole paths."""

    async def remote(self, remote: str, branch: str) -> Remote:
        """Asks the remote, and fetches the commits of its branch. Moves no branch or tag."""

    async def is_ancestor(self, commit: str, of: str) -> bool: ...

    def exists(self, file: str) -> bool: ...

    async def read(self, file: str, commit: str | None = None) -> str:
        """The file as it is in the work tree, or in a commit. Line ends are kept."""

    async def prepare(self, file: str, text: str, message: str) -> str:
        """The hash of a commit that follows the last one, with this text in the file. Nothing shows it yet."""

    async def prepare_tag(self, name: str, commit: str, message: str) -> str:
        """The hash of an annotated tag. Nothing shows it yet."""

    async def push(self, release: Prepared, remote: str, branch: str) -> None:
        """Both the commit and the tag, or neither.

        Raises:
            RepositoryError: refused. If the connection broke, nobody can tell: ask `remote`.
        """

    async def fetch_tag(self, remote: str, name: str) -> None:
        """Fetch the objects of a tag. The tag itself is not made."""

    async def show(self, release: Prepared, branch: str, file: str) -> None:
        """Make a prepared release what everybody sees: the branch, then the tag, then the file.

        May be repeated after a crash in the middle. The file is replaced as a whole.

        Raises:
            RepositoryError: the branch was moved meanwhile.
        """
