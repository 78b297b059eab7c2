"""Make the next version: the file, a commit, a tag, all pushed at once, or nothing at all."""

from __future__ import annotations

import datetime

import anyio
from msgspec import Struct
from msgspec.structs import replace

from comporta.app.context import Interruption
from comporta.model.commits import RELEASE, Commit, change_of, notes_of
from comporta.model.errors import RepositoryError, UsageError
from comporta.model.spec import VersionsSpec
from comporta.model.version_files import version_in, with_version
from comporta.model.versions import Version, built, following, parse
from comporta.ports.clock import Clock
from comporta.ports.repository import Prepared, Remote, Repository

CANDIDATES = ("pyproject.toml", "package.json", "VERSION")
SHORT = 7


class Bench(Struct, frozen=True):
    """What releases are made with, put together by the composition root."""

    spec: VersionsSpec
    repository: Repository
    clock: Clock
    interruption: Interruption


class Wish(Struct, frozen=True):
    """What is asked for.

    Attributes:
        change: "major", "minor" or "patch"; None: what the commits say.
        label: of a pre-release ("rc"); None: a release.
        notes: None: from the commits.
        build: the number of this build; empty: the time.
        push: to the remote; else all stays local.
        dry: only say what would be done.
    """

    change: str | None = None
    label: str | None = None
    notes: str | None = None
    build: str = ""
    push: bool = True
    dry: bool = False


class Released(Struct, frozen=True):
    """A version that was made, or would be.

    Attributes:
        previous: None where an interrupted release was finished.
        build: the name of this build: `1.4.0-build.7+4f3a2b1`; empty before there is a commit.
        resumed: an earlier `comporta release` was cut off, and this one finished it instead of making another.
    """

    version: Version
    tag: str
    file: str
    notes: str
    previous: Version | None = None
    commit: str = ""
    build: str = ""
    pushed: bool = False
    resumed: bool = False


class _Place(Struct, frozen=True):
    """Where we stand: the file of the version, the last commit, the remote (None where it is not asked)."""

    file: str
    head: Commit
    remote: Remote | None


async def release(bench: Bench, wish: Wish) -> Released:
    """Make the next version, or finish the release that was cut off.

    Raises:
        UsageError: another branch, a dirty tree, a tag that is there already, nothing to release, or the remote has
            commits that are not here.
        RepositoryError: git or the remote refused. Nothing was changed, here or there, unless it says so.
    """
    place = await _look(bench, wish)
    if (cut_off := await _cut_off(bench, place)) is not None:
        return await _finish(bench, wish, place, cut_off)
    planned = await _plan(bench, wish, place)
    await _require_room(bench, place, planned.tag)
    if not wish.dry:
        # From here on it is too late to stop halfway; each command of git is short, and the push has a time limit.
        with anyio.CancelScope(shield=True):
            planned = await _make(bench, wish, place, planned)
    return planned


async def _look(bench: Bench, wish: Wish) -> _Place:
    spec, repository = bench.spec, bench.repository
    branch = await repository.branch()
    if branch != spec.branch:
        raise UsageError(
            f"cannot release from {branch or 'a detached head'}: releases are made from {spec.branch}",
            next=f"`git switch {spec.branch}`, or set `versions: {{branch: …}}`",
        )
    file = spec.file or next((name for name in CANDIDATES if repository.exists(name)), None)
    if file is None:
        raise UsageError(
            f"cannot find a version: there is none of {', '.join(CANDIDATES)}",
            next="write one, such as 0.1.0 in VERSION, or name the file: `versions: {file: …}`",
        )
    remote = await repository.remote(spec.remote, spec.branch) if wish.push else None
    return _Place(file, await repository.commit(), remote)


async def _cut_off(bench: Bench, place: _Place) -> Commit | None:
    """The commit of a release that was made, but is not shown everywhere here, as its command was killed."""
    repository, remote = bench.repository, place.remote
    if place.head.releases is not None:
        tag = _tag(bench, place.head.releases)
        tagged = (await repository.tags()).get(tag)
        if tagged is None or (tagged == place.head.id and await _is_stale(repository, place)):
            return place.head
    if remote is None or remote.tip is None or remote.tip == place.head.id:
        return None
    tip = await repository.commit(remote.tip)
    tagged_there = remote.tags.get(_tag(bench, tip.releases or ""), ("", ""))[1]
    return tip if place.head.id in tip.parents and tagged_there == tip.id else None


async def _is_stale(repository: Repository, place: _Place) -> bool:
    """The file, or git's record of it, is still as it was before the release. Another change is somebody's own."""
    if not await repository.changed(place.file):
        return False
    known = [await repository.read(place.file, commit) for commit in (place.head.id, *place.head.parents)]
    return await repository.read(place.file) in known


async def _finish(bench: Bench, wish: Wish, place: _Place, commit: Commit) -> Released:
    version = parse(commit.releases or "")
    tag, notes = _tag(bench, str(version)), commit.message.partition("\n")[2].strip()
    there = place.remote.tags.get(tag) if place.remote else None
    found = Released(version, tag, place.file, notes, commit=commit.id, resumed=True, pushed=there is not None)
    if wish.dry:
        return found
    with anyio.CancelScope(shield=True):
        if there is None:
            tag_object = await bench.repository.prepare_tag(tag, commit.id, _message(found))
        else:
            tag_object = there[0]
            await bench.repository.fetch_tag(bench.spec.remote, tag)
        await bench.repository.show(Prepared(commit=commit.id, tag=tag, tag_object=tag_object), *_shown(bench, place))
    return found


async def _plan(bench: Bench, wish: Wish, place: _Place) -> Released:
    changed = await bench.repository.changed()
    if changed:
        raise UsageError(
            "cannot release: there are changes that are not committed",
            details=sorted(changed),
            next="commit them, or `git stash` them",
        )
    current = version_in(place.file, await bench.repository.read(place.file))
    last = await _last_tag(bench)
    commits = await bench.repository.log(last)
    version = following(current, wish.change or _change(current, commits, last), wish.label)
    built(version, _number(bench, wish), place.head.id[:SHORT])  # refuses a bad number before anything is done
    notes = notes_of(commits) if wish.notes is None else wish.notes.strip()
    return Released(version, _tag(bench, str(version)), place.file, notes, previous=current)


def _change(current: Version, commits: list[Commit], last: str | None) -> str:
    """What the commits say. A pre-release is on its way to a release, whatever they say."""
    change = change_of(commits, stable=current.major > 0) or ("patch" if current.pre else None)
    if change is None:
        since = f"the {len(commits)} commits since {last}" if last else f"the {len(commits)} commits"
        raise UsageError(
            f"cannot tell the next version: none of {since} is a `feat`, `fix` or `perf`, or breaks anything",
            next="say it: `comporta release patch`, `minor` or `major`",
        )
    return change


async def _last_tag(bench: Bench) -> str | None:
    """The tag of the latest version that the branch contains."""
    before, _, after = bench.spec.tag.partition("{version}")
    found: list[tuple[Version, str]] = []
    for tag in await bench.repository.tags(merged=True):
        if tag.startswith(before) and tag.endswith(after):
            try:
                found.append((parse(tag.removeprefix(before).removesuffix(after)), tag))
            except UsageError:
                continue  # a tag of something else that looks alike
    return max(found, key=lambda pair: pair[0].precedence)[1] if found else None


async def _require_room(bench: Bench, place: _Place, tag: str) -> None:
    """The tag is not there yet, and the remote has nothing that is not here."""
    spec, remote = bench.spec, place.remote
    if tag in await bench.repository.tags():
        raise UsageError(
            f"cannot release {tag}: there is such a tag already", next=f"`git show {tag}` tells what it is"
        )
    if remote is None:
        return
    if tag in remote.tags:
        where = f"{spec.remote} has such a tag already"
        raise UsageError(f"cannot release {tag}: {where}", next=f"`git fetch {spec.remote} tag {tag}`, and look at it")
    if remote.tip is not None and not await bench.repository.is_ancestor(remote.tip, place.head.id):
        raise UsageError(
            f"cannot release: {spec.remote}/{spec.branch} has commits that are not here",
            next=f"`git pull --rebase {spec.remote} {spec.branch}`",
        )


async def _make(bench: Bench, wish: Wish, place: _Place, planned: Released) -> Released:
    spec, repository = bench.spec, bench.repository
    text = with_version(place.file, await repository.read(place.file), planned.version)
    message = f"{RELEASE}{planned.version}\n\n{planned.notes}".strip() + "\n"
    commit = await repository.prepare(place.file, text, message)
    build = str(built(planned.version, _number(bench, wish), commit[:SHORT]))
    made = replace(planned, commit=commit, build=build, pushed=wish.push)
    tag_object = await repository.prepare_tag(made.tag, commit, _message(made))
    prepared = Prepared(commit=commit, tag=made.tag, tag_object=tag_object)
    if wish.push:
        await _push(bench, prepared)
    try:
        await repository.show(prepared, *_shown(bench, place))
    except RepositoryError as error:
        if not wish.push:
            raise
        raise RepositoryError(
            f"{made.tag} is on {spec.remote}, but {error.message}",
            details=error.details,
            next=f"`git pull --rebase {spec.remote} {spec.branch}` brings it here",
        ) from None
    return made


async def _push(bench: Bench, prepared: Prepared) -> None:
    """Push. Where the connection broke it is asked whether the release arrived all the same."""
    spec = bench.spec
    try:
        await bench.repository.push(prepared, spec.remote, spec.branch)
    except RepositoryError as error:
        try:
            there = (await bench.repository.remote(spec.remote, spec.branch)).tags.get(prepared.tag)
        except RepositoryError:
            error.next = f"nothing was changed here; whether {spec.remote} has it, the next `comporta release` tells"
            raise error from None
        if there is None or there[0] != prepared.tag_object:
            error.next = f"nothing was changed, here or on {spec.remote}: see what it says, and release again"
            raise


def _shown(bench: Bench, place: _Place) -> tuple[str, str]:
    return bench.spec.branch, place.file


def _tag(bench: Bench, version: str) -> str:
    return bench.spec.tag.replace("{version}", version)


def _number(bench: Bench, wish: Wish) -> str:
    now = datetime.datetime.fromtimestamp(bench.clock.now(), datetime.UTC)
    return wish.build or f"{now:%Y%m%d%H%M}"


def _message(made: Released) -> str:
    build = f"Build: {made.build}" if made.build else ""
    return "\n\n".join(part for part in (f"Release {made.version}", made.notes, build) if part)
