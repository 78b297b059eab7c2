"""What is wrong between the keys of one environment, or with what they refer to: each key on its own is right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from comporta.config import env_file, variables
from comporta.config.explaining import validate
from comporta.config.models import SECTIONS, Environment, OptionTypes
from comporta.config.nodes import Node
from comporta.config.source import Problem
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot

NAMED = {
    ("health", "checks"): "check",
    ("smoke",): "check",
    ("metrics", "queries"): "query",
    ("preflight", "gates"): "gate",
}
"""Where things with names stand, and what they are."""


def drivers(node: Node, settings: Environment, options: OptionTypes) -> tuple[dict[str, BaseModel], list[Problem]]:
    """The options of the chosen drivers by kind. A driver without options in the file must be able to do without."""
    chosen: dict[str, BaseModel] = {}
    problems: list[Problem] = []
    for kind, (choice, section) in SECTIONS.items():
        name = getattr(settings, choice)
        found = getattr(getattr(settings, section), name)
        if found is None:
            found, lacking = validate(options[kind][name], Node({}, node.place, node.key))
            problems += [_without_options(node, choice, f"{section}.{name}")] if lacking else []
        if found is not None:
            chosen[kind] = found
    return chosen, problems


def _without_options(node: Node, choice: str, section: str) -> Problem:
    at = node.deepest((choice,))
    cause = f"the {choice} needs `{section}`, which is missing"
    advice = f"add `{section.replace('.', ': {')}: {{…}}}}` at the top of the file, or in the environment"
    return Problem(at.place if at.raw else at.key, f"cannot read {at.path}: {cause}", advice)


def ports(node: Node, spec: EnvironmentSpec) -> Iterator[Problem]:
    """Each instance has a port of its own, and the router another."""
    advice = "give each its own ports, such as slots: {blue: 8101-8110, green: 8111-8120}"
    if spec.blue.overlaps(spec.green):
        at = node.deepest(("slots", "green"))
        yield Problem(at.place, f"cannot read {at.path}: {spec.green} overlaps the blue slot ({spec.blue})", advice)
    port = int(spec.listen.rpartition(":")[2])
    for slot in Slot:
        taken = spec.ports(slot)
        if taken.first <= port <= taken.last:
            at = _first(node, ("listen",), ("slots", slot.value), ("domain",))
            cause = f"the router's port {port} is one of the {slot} slot's ({taken})"
            yield Problem(at.place, f"cannot read {at.path}: {cause}", advice)
        if spec.instances > len(taken):
            at = node.deepest(("instances",))
            cause = f"{spec.instances} instances need as many ports, the {slot} slot has {len(taken)} ({taken})"
            yield Problem(at.place, f"cannot read {at.path}: {cause}", f"write wider `slots`: now {_slots(spec)}")


def names(node: Node) -> Iterator[Problem]:
    """Checks and queries are told apart by their names."""
    for loc, what in NAMED.items():
        items = node.deepest(loc).content
        seen: dict[object, Node] = {}
        for item in items if isinstance(items, list) else []:
            at = item.deepest(("name",))
            if at.content in seen:
                cause = f'"{at.content}" is the name of another {what}, in line {seen[at.content].place.line}'
                yield Problem(at.place, f"cannot read {at.path}: {cause}", f"give each {what} a name of its own")
            seen[at.content] = at


def references(node: Node, spec: EnvironmentSpec, environ: Mapping[str, str]) -> Iterator[Problem]:
    """The env file is there, and every `${NAME}` is defined in it or in `environ`."""
    defined = set(environ)
    if spec.env_file is not None:
        try:
            defined |= env_file.read(Path(spec.env_file)).keys()
        except OSError as error:
            at = node.deepest(("env_file",))
            cause = f"{spec.env_file}: {error.strerror}"
            yield Problem(at.place, f"cannot read {at.path}: {cause}", "create the file, or correct the path")
            return
    for scalar in node.scalars():
        if isinstance(scalar.content, str) and variables.malformed(scalar.content):
            advice = "write ${NAME} for a variable, and $${ for a plain ${"
            yield Problem(scalar.place, f"cannot read {scalar.path}: a `${{` is not followed by NAME}}", advice)
    # What only a message needs must not keep anybody from rolling back: `comporta doctor` tells about it.
    for scalar in node.without("alerts").scalars():
        if isinstance(scalar.content, str):
            yield from _undefined(scalar, scalar.content, defined, spec)


def _undefined(node: Node, text: str, defined: Iterable[str], spec: EnvironmentSpec) -> Iterator[Problem]:
    for name in variables.names(text):
        if name not in defined:
            place = spec.env_file or f"an env file (env_file: .env.{spec.environment})"
            advice = f"define {name} in {place}, or in the environment that comporta runs in"
            yield Problem(node.place, f"cannot read {node.path}: ${{{name}}} is not defined", advice)


def _first(node: Node, *locs: tuple[str, ...]) -> Node:
    """The value at the first of these locations that is written in the file."""
    found = [node.deepest(loc) for loc in locs]
    return next(at for at in found if at.raw)


def _slots(spec: EnvironmentSpec) -> str:
    return f"{{blue: {spec.blue}, green: {spec.green}}}"
