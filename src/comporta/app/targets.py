"""Where a rollback goes: the last known good release whose artifact is there, or the one that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Struct

from comporta.app.context import Context
from comporta.app.deployments import Deployment, deployments, releases
from comporta.app.known_good import Served, behind, lineage, preferred
from comporta.model.errors import ArtifactMissing, UsageError
from comporta.model.release import Release
from comporta.model.snapshot import Snapshot
from comporta.steps.keep_warm import duration
from comporta.strategies.rollback import is_warm


class Target(Struct, frozen=True):
    """Where a rollback goes, and why there.

    Attributes:
        warm: its instances are still up.
        passed_over: what would have come first, and why it did not.
    """

    release: Release
    why: str
    warm: bool
    passed_over: tuple[str, ...] = ()


async def choose(ctx: Context, snapshot: Snapshot, to: str | None) -> Target:
    """The release to go back to. Of one that is not warm, the artifact is known to be there.

    Args:
        to: its version; None means the last known good one.

    Raises:
        UsageError: nothing served before, or no release has this version; the known ones are listed.
        ArtifactMissing: it is gone; the next best is named.
    """
    choice = _Choice(
        ctx,
        snapshot,
        {release.number: release for release in await releases(ctx.journal, ctx.environment)},
        await deployments(ctx.journal, ctx.environment),
    )
    return await choice.known_good() if to is None else await choice.of_version(to)


@dataclass
class _Choice:
    ctx: Context
    snapshot: Snapshot
    known: dict[int, Release]
    """By number, newest first."""
    history: Sequence[Deployment]

    @property
    def line(self) -> list[Served]:
        return lineage(self.history, self.ctx.spec.watch.window)

    @property
    def live(self) -> int | None:
        """The number of the release that the router sends requests to."""
        traffic = self.snapshot.routing.traffic
        release = traffic.release_in(traffic.live) if traffic.live else None
        return release.number if release else None

    async def known_good(self, *, but: str | None = None) -> Target:
        """The first that is there, best first, leaving a version out."""
        served_before = [
            served for served in behind(self.line, self.live) if self.known[served.release].artifact.version != but
        ]
        if not served_before:
            raise UsageError(
                "cannot roll back: there is no release to go back to that served and was not rolled back itself",
                next=f"`comporta rollback --to VERSION` chooses any of: {self._versions}",
            )
        gone: list[str] = []
        for served in preferred(served_before):
            release = self.known[served.release]
            if cause := await self._unusable(release):
                gone.append(f"{release.ref}: {cause}")
            else:
                passed_over = (*self._too_short(served_before, served), *gone)
                return Target(release, _why(served), self._warm(release), passed_over)
        raise ArtifactMissing(
            "cannot roll back: of no release to go back to is the artifact still there",
            details=gone,
            next="put one back as it was; or `comporta deploy VERSION --strategy emergency` brings a fix in",
        )

    async def of_version(self, version: str) -> Target:
        """The release of this version that served last; else the newest."""
        order = [served.release for served in reversed(self.line)]
        numbers = [*order, *(number for number in self.known if number not in order)]
        named = [self.known[number] for number in numbers if self.known[number].artifact.version == version]
        if not named:
            raise UsageError(
                f"cannot roll back to {version}: it was never a release of {self.ctx.environment}",
                next=f"known releases: {self._versions}",
            )
        causes = []
        for release in named:
            if not (cause := await self._unusable(release)):
                return Target(release, "the release you asked for", self._warm(release))
            causes.append(cause)
        raise ArtifactMissing(f"cannot roll back to {version}: {causes[0]}", next=await self._next_best(version))

    async def _next_best(self, gone: str) -> str:
        try:
            best = await self.known_good(but=gone)
        except (UsageError, ArtifactMissing):
            return f"put {gone} back as it was: no other release to go back to is there"
        version = best.release.artifact.version
        return f"`comporta rollback --to {version}` goes to the next best: it is {best.why}"

    async def _unusable(self, release: Release) -> str:
        """Why its artifact cannot be started; empty if it can, or need not be: what is up serves without."""
        if self._warm(release) or release.number == self.live:
            return ""
        try:
            await self.ctx.ports.runtime.verify(release.artifact)
        except ArtifactMissing as error:
            return error.message
        return ""

    def _warm(self, release: Release) -> bool:
        return is_warm(self.snapshot, release)

    def _too_short(self, newest_first: list[Served], chosen: Served) -> list[str]:
        """Newer ones that are not known to be good, where the chosen one is."""
        newer = newest_first[: newest_first.index(chosen)] if chosen.survived else []
        return [
            f"{self.known[served.release].ref}: it served only {duration(round(served.seconds))}"
            for served in newer
            if not served.survived
        ]

    @property
    def _versions(self) -> str:
        versions = (release.artifact.version for release in self.known.values())
        return ", ".join(dict.fromkeys(versions)) or "none yet"


def _why(served: Served) -> str:
    if served.survived:
        return f"the last known good release, which served for {duration(round(served.seconds))}"
    return f"a release that served only {duration(round(served.seconds))}, but none is known to be good"
