"""A git repository, by git's own commands.

A release is first made of objects that nothing refers to, then pushed as such, and only then shown by the branch, the
tag and the file. So nothing has to be undone when a push is refused, and a crash leaves either nothing or a release
that is whole somewhere.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import anyio

from comporta.model.commits import Commit
from comporta.model.errors import MissingTool, RepositoryError, UsageError
from comporta.ports.repository import Prepared, Remote

REMOTE_TIMEOUT = 300.0
"""Seconds that a conversation with the remote may take."""
LOG_FORMAT = "%H%x00%P%x00%B%x00"


class GitRepository:
    """Implements the Repository port.

    Args:
        folder: of the config, somewhere in the repository.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def branch(self) -> str | None:
        found = await self._git("symbolic-ref", "--quiet", "--short", "HEAD", may_fail=True)
        return found.strip() or None

    async def commit(self, name: str = "HEAD") -> Commit:
        return _commits(await self._git("log", "-1", f"--format={LOG_FORMAT}", "--end-of-options", name, "--"))[0]

    async def log(self, since: str | None) -> list[Commit]:
        reach = f"refs/tags/{since}..HEAD" if since else "HEAD"
        return _commits(await self._git("log", f"--format={LOG_FORMAT}", "--end-of-options", reach, "--"))

    async def tags(self, *, merged: bool = False) -> dict[str, str]:
        only = ("--merged", "HEAD") if merged else ()
        listed = await self._git(
            "for-each-ref", "--format=%(refname) %(objectname) %(*objectname)", *only, "refs/tags/"
        )
        lines = [line.split(" ") for line in listed.splitlines()]
        return {name.removeprefix("refs/tags/"): peeled or plain for name, plain, peeled in lines}

    async def changed(self, file: str | None = None) -> frozenset[str]:
        paths = ("--", self._path(file)) if file else ("--",)
        listed = await self._git("diff", "--name-only", "-z", "HEAD", *paths)
        staged = await self._git("diff", "--name-only", "-z", "--cached", "HEAD", *paths)
        return frozenset(path for path in (listed + staged).split("\0") if path)

    async def remote(self, remote: str, branch: str) -> Remote:
        listed = await self._remotely(f"ask {remote}", "ls-remote", "--end-of-options", remote)
        refs = {name: found for found, _, name in (line.partition("\t") for line in listed.splitlines())}
        tip = refs.get(f"refs/heads/{branch}")
        if tip is not None:
            await self._fetch(remote, f"refs/heads/{branch}")
        prefix = "refs/tags/"
        names = [name for name in refs if name.startswith(prefix) and not name.endswith("^{}")]
        tags = {name.removeprefix(prefix): (refs[name], refs.get(f"{name}^{{}}", refs[name])) for name in names}
        return Remote(tip=tip, tags=tags)

    async def fetch_tag(self, remote: str, name: str) -> None:
        await self._fetch(remote, f"refs/tags/{name}")

    async def is_ancestor(self, commit: str, of: str) -> bool:
        # Its exit code alone is the answer; asked this way, a failure cannot be taken for "no".
        return (await self._git("rev-list", "--max-count=1", commit, f"^{of}", "--")).strip() == ""

    def exists(self, file: str) -> bool:
        return (self._folder / file).is_file()

    async def read(self, file: str, commit: str | None = None) -> str:
        if commit is not None:
            return await self._git("cat-file", "blob", f"{commit}:{self._path(file)}")
        try:
            return (self._folder / file).read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {file}: {error}", next="`versions: {file: …}` names another one") from None

    async def prepare(self, file: str, text: str, message: str) -> str:
        path = self._path(file)
        listed = await self._git("ls-files", "--stage", "-z", "--", path)
        mode = listed.partition(" ")[0]
        if mode not in ("100644", "100755"):
            what = "git does not have it" if not mode else "it is not a plain file"
            raise UsageError(f"cannot release with {file}: {what}", next=f"`git add {file}`, and commit it")
        blob = (await self._git("hash-object", "-w", "--stdin", f"--path={path}", given=text)).strip()
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": f"{scratch}/index"}
            await self._git("read-tree", "HEAD", env=index)
            await self._git("update-index", "--cacheinfo", f"{mode},{blob},{path}", env=index)
            tree = (await self._git("write-tree", env=index)).strip()
        return (await self._git("commit-tree", tree, "-p", "HEAD", "-F", "-", given=message)).strip()

    async def prepare_tag(self, name: str, commit: str, message: str) -> str:
        tagger = (await self._git("var", "GIT_COMMITTER_IDENT")).strip()
        text = f"object {commit}\ntype commit\ntag {name}\ntagger {tagger}\n\n{message.strip()}\n"
        return (await self._git("mktag", given=text)).strip()

    async def push(self, release: Prepared, remote: str, branch: str) -> None:
        what = f"push {release.tag} to {remote}"
        refs = (f"{release.commit}:refs/heads/{branch}", f"{release.tag_object}:refs/tags/{release.tag}")
        await self._remotely(what, "push", "--atomic", "--no-follow-tags", "--end-of-options", remote, *refs)

    async def show(self, release: Prepared, branch: str, file: str) -> None:
        parent = (await self.commit(release.commit)).parents[0]
        head = f"refs/heads/{branch}"
        if (await self.commit()).id != release.commit:
            move = ("update-ref", "-m", f"comporta: {release.tag}", head, release.commit, parent)
            await self._git(*move, what=f"move {branch} to {release.tag}")
        if release.tag not in await self.tags():
            await self._git("update-ref", f"refs/tags/{release.tag}", release.tag_object, "")
        replace_file(self._folder / file, await self.read(file, release.commit))
        await self._git("add", "--", self._path(file))

    async def _fetch(self, remote: str, ref: str) -> None:
        quietly = ("--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=")
        await self._remotely(f"fetch from {remote}", "fetch", *quietly, "--end-of-options", remote, ref)

    async def _remotely(self, what: str, *words: str) -> str:
        try:
            with anyio.fail_after(REMOTE_TIMEOUT):
                return await self._git(*words, what=what)
        except TimeoutError:
            raise RepositoryError(f"cannot {what}: no end after {REMOTE_TIMEOUT:g} s") from None

    async def _git(
        self,
        *words: str,
        given: str = "",
        env: Mapping[str, str] | None = None,
        may_fail: bool = False,
        what: str = "",
    ) -> str:
        """What a git command prints. It runs at the top of the repository, except to find that."""
        return await run_git(self._top, words, given=given, env=env or {}, may_fail=may_fail, what=what)

    @cached_property
    def _top(self) -> Path:
        for folder in (self._folder, *self._folder.parents):
            if (folder / ".git").exists():
                return folder
        raise UsageError(f"cannot release: {self._folder} is in no git repository", next="`git init` makes one")

    def _path(self, file: str) -> str:
        return os.path.relpath(self._folder / file, self._top)


async def run_git(
    folder: Path, words: tuple[str, ...], *, given: str, env: Mapping[str, str], may_fail: bool, what: str
) -> str:
    """Run git, without a shell.

    Raises:
        RepositoryError: it fails; the error has its own words.
    """
    environment = {**os.environ, "LC_ALL": "C", **env}
    try:
        done = await anyio.run_process(["git", *words], input=given.encode(), check=False, cwd=folder, env=environment)
    except FileNotFoundError:
        raise MissingTool("cannot release: git is not installed", next="install git") from None
    if done.returncode != 0 and not may_fail:
        said = (done.stderr + done.stdout).decode(errors="replace").strip().splitlines()
        raise RepositoryError(f"cannot {what or f'run `git {words[0]}`'}: git refuses", details=said)
    return done.stdout.decode(errors="replace")


def replace_file(path: Path, text: str) -> None:
    """The whole new file or the whole old one, whenever we are killed. Its permissions stay."""
    fresh = path.with_name(f".{path.name}.comporta")
    with fresh.open("wb") as stream:
        stream.write(text.encode())
        stream.flush()
        os.fsync(stream.fileno())
    if path.exists():
        fresh.chmod(stat.S_IMODE(path.stat().st_mode))
    fresh.replace(path)


def _commits(listed: str) -> list[Commit]:
    """From `git log`, whose entries are three fields, each ended by a NUL, and a line end."""
    fields = listed.split("\0")
    entries = zip(fields[0::3], fields[1::3], fields[2::3], strict=False)
    return [
        Commit(id=found.strip(), parents=tuple(parents.split()), message=message.strip())
        for found, parents, message in entries
    ]
