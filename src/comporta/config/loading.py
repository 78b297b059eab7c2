"""What the composition root asks of the config: find the file, load an environment, check the whole, describe it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from comporta.config import conflicts, source
from comporta.config.assembling import assemble, without_unchosen
from comporta.config.explaining import known, validate
from comporta.config.models import SECTIONS, Common, OptionTypes, build
from comporta.config.nodes import Node, overlay
from comporta.config.parsing import parse
from comporta.config.schema import file_schema
from comporta.config.source import Problem, Source
from comporta.config.starter import starter
from comporta.model.errors import ConfigError
from comporta.model.spec import EnvironmentSpec

__all__ = ["FILE_NAME", "OptionTypes", "environments", "find", "load", "schema", "starter"]

FILE_NAME = "comporta.yml"
REQUIRED = (("service",), ("environments",))
"""What must stand at the top. Everything else that is required may come from an environment."""


def find(start: Path) -> Path:
    """The config file in this folder or the nearest one above it.

    Raises:
        ConfigError: there is none.
    """
    folder = start.absolute()
    for candidate in (folder, *folder.parents):
        if (candidate / FILE_NAME).is_file():
            return candidate / FILE_NAME
    raise ConfigError(
        f"cannot find {FILE_NAME}: it is neither in {folder} nor in a folder above",
        next="`comporta init` writes a starter file; -c names one that is somewhere else",
    )


def load(path: Path, environment: str, options: OptionTypes, environ: Mapping[str, str] | None) -> EnvironmentSpec:
    """One environment, complete. Other environments of the file are not looked at: their errors cannot block this one.

    Args:
        environ: comporta's own environment, in which a `${NAME}` may be defined. None: whether the env file is there,
            and the names are defined, is not looked at, as no value may be needed.

    Raises:
        ConfigError: the file, or what it refers to, is wrong.
    """
    file = _File.read(path, options)
    file.expect_environment(environment)
    spec, node, problems = file.with_named_drivers().checked(environment)
    if problems:
        # Another driver may be what was meant: only who knows them all can say so.
        spec, node, problems = file.checked(environment)
    if spec and environ is not None:
        problems = list(conflicts.references(node, spec, environ))
    if problems or spec is None:
        raise file.source.error(problems)
    return spec


def environments(path: Path, options: OptionTypes) -> list[str]:
    """The names of all environments, each of them merged and validated. Env files and variables are not looked at.

    Raises:
        ConfigError: the file is wrong.
    """
    file = _File.read(path, options)
    names = list(file.environments)
    problems = file.local_problems(*names)
    for name in names:
        problems += file.checked(name)[2]
    if problems:
        raise file.source.error(problems)
    return names


def schema(options: OptionTypes) -> dict[str, Any]:
    """The JSON Schema of the file, for editors."""
    return file_schema(options)


class _File(Struct, frozen=True):
    """A config file that was read and is YAML."""

    source: Source
    root: Node
    base: Path
    options: OptionTypes

    @classmethod
    def read(cls, path: Path, options: OptionTypes) -> _File:
        text = source.read(path)
        try:
            root = parse(text.text)
        except Problem as problem:
            raise text.error([problem]) from None
        base = Path(os.path.abspath(path)).parent
        return cls(text, root, base, options)

    def with_named_drivers(self) -> _File:
        """Without the drivers that no word of the file names: to import them takes longer than to read the file."""
        words = {*self.root.words(), *(Common.model_fields[choice].default for choice, _ in SECTIONS.values())}
        named = {kind: {name: of[name] for name in of if name in words} for kind, of in self.options.items()}
        return replace(self, options=named)

    @property
    def environments(self) -> dict[str, Node]:
        return self.root.deepest(("environments",)).mapping if "environments" in self.root.mapping else {}

    def expect_environment(self, name: str) -> None:
        if self.environments and name not in self.environments:
            at = self.root.mapping["environments"]
            message = f"cannot find the environment {name}: there are {', '.join(self.environments)}"
            raise self.source.error([Problem(at.key, message, f"-e: {known(name, self.environments)}")])

    def local_problems(self, *names: str) -> list[Problem]:
        """What is wrong with each value at the top and in these environments, also where it is overridden."""
        root = self.root
        if self.environments:
            root = root.with_child("environments", root.mapping["environments"].only(*names))
        return validate(build(self.options)[0], root, may_lack=lambda loc: loc not in REQUIRED)[1]

    def checked(self, name: str) -> tuple[EnvironmentSpec | None, Node, list[Problem]]:
        """The environment's spec (without the look at what it refers to), its merged part of the file, and problems."""
        problems = self.local_problems(name)
        if name not in self.environments:
            return None, self.root, problems
        node = overlay(self.root.without("service", "environments"), self.environments[name])
        settings, found = validate(build(self.options)[1], node)
        problems += found
        if problems or settings is None:
            return None, node, problems
        drivers, lacking = conflicts.drivers(node, settings, self.options)
        problems += [*lacking, *conflicts.names(node)]
        if problems:
            return None, node, problems
        position = list(self.environments).index(name)
        spec = assemble(self.root.mapping["service"].raw, name, self.base, node, settings, drivers, position)
        problems += conflicts.ports(node, spec)
        return (None if problems else spec), without_unchosen(node, settings), problems
