"""The shape of `versions` and `preflight`: what is done, and asked, before a deployment."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from comporta.config.part import Part
from comporta.config.types import FilePath, GitName, Line, Moment, PositiveDuration, Size, refusal
from comporta.config.types import Tag as TagName
from comporta.model.preflight import GateSpec, PreflightSpec
from comporta.model.spec import VersionsSpec

VERSIONS = VersionsSpec()
PREFLIGHT = PreflightSpec()
GATE = GateSpec(name="", run=())


class Versions(Part):
    """How `comporta release` makes a version."""

    file: FilePath | None = Field(
        default=VERSIONS.file,
        description="Where the version stands, relative to the config's folder. Default: the first that is there of "
        "`pyproject.toml`, `package.json` and `VERSION`.",
    )
    branch: GitName = Field(default=VERSIONS.branch, description="The branch that releases are made from.")
    remote: GitName = Field(default=VERSIONS.remote, description="Where they are pushed.")
    tag: TagName = Field(default=VERSIONS.tag, description="The name of the tag, with `{version}` in it.")


class CommandGate(Part):
    """A command that must exit with 0. It is run in the folder of the config, without a shell."""

    name: Line = Field(description="What it is called in the output.")
    run: Annotated[list[str], Field(min_length=1)] = Field(
        description="The words of the command. They may hold `{version}`, `{service}` and `{python}`."
    )
    timeout: PositiveDuration = Field(default=GATE.timeout, description="How long it may take.")
    needs: str = Field(default=GATE.needs, description="A program; where it is not installed, the gate is skipped.")
    after: str = Field(default=GATE.after, description="The name of a gate above this one that must have passed first.")


class FrozenTime(Part):
    """A time in which nothing is deployed."""

    from_: Moment = Field(alias="from", description="When it begins.")
    to: Moment = Field(description="When it is over.")
    why: Line = Field(description="What people are told.")

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if self.to <= self.from_:
            raise refusal("it ends before it begins", "write a later time as `to`")
        return self


class Gates(Part):
    """What must hold before a deployment."""

    gates: list[CommandGate] = Field(default=[], description="Commands that must succeed, such as the unit tests.")
    presets: Literal["auto", "none"] = Field(
        default="none",
        description="`auto`: the usual commands for this kind of project (Python, Node, Docker) are gates too.",
    )
    freeze: list[FrozenTime] = Field(default=[], description="Times in which nothing is deployed.")
    disk: Size = Field(default=PREFLIGHT.disk, description="What must be free on the disk of the state folder.")
    before_deploy: bool = Field(
        default=PREFLIGHT.before_deploy, description="Whether `comporta deploy` asks all this by itself."
    )

    @field_validator("gates")
    @classmethod
    def _follow_earlier_ones(cls, gates: list[CommandGate]) -> list[CommandGate]:
        for index, gate in enumerate(gates):
            if gate.after and gate.after not in [earlier.name for earlier in gates[:index]]:
                raise refusal(f'no gate above "{gate.name}" is called "{gate.after}"', "name one that stands above it")
        return gates
