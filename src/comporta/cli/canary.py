"""The options of a canary, for `deploy` and `plan`: each overrides the config for this once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from msgspec import structs

if TYPE_CHECKING:
    from comporta.app.context import Context

F = TypeVar("F", bound=Callable[..., Any])


class Written(click.ParamType[Any]):
    """A value as the config has it: `5%`, `15m`."""

    def __init__(self, name: str, parse: str) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from pydantic_core import PydanticCustomError

        from comporta.config import types

        try:
            return getattr(types, self._parse)(value)
        except PydanticCustomError as error:
            self.fail(f"{error.message()}: {(error.context or {})['next']}", param, ctx)


class Stages(click.ParamType[Any]):
    """Rising shares, the last one 100: `10%,50%,100%`."""

    name = "stages"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        stages = tuple(STAGE.convert(part.strip(), param, ctx) for part in str(value).split(","))
        if list(stages) != sorted(set(stages)) or stages[-1] != 100:
            self.fail("the stages must rise, and end with 100%: write them like 10%,50%,100%", param, ctx)
        return stages


STAGE = Written("percent", "parse_stage")
DURATION = Written("duration", "parse_duration")
PERCENT = Written("percent", "parse_percent")


def canary_options(function: F) -> F:
    """The options; their values come as keyword arguments, None where they were not given."""
    for option in (
        click.option("--latency-threshold", type=DURATION, help="Canary: mean latency above stable's, e.g. 3s."),
        click.option("--error-threshold", type=PERCENT, help="Canary: failing requests above stable's, e.g. 2%."),
        click.option("--stages", type=Stages(), help="Canary: the shares after the first, e.g. 10%,50%,100%."),
        click.option("--watch", type=DURATION, help="Canary: the longest wait at the first share, e.g. 15m."),
        click.option("--canary-percent", type=STAGE, help="Canary: the first share, e.g. 5%."),
    ):
        function = option(function)
    return function


def with_canary(ctx: Context, given: dict[str, Any]) -> Context:
    """The context with what was given in place of what the config says."""
    canary = ctx.spec.canary
    limits = {"errors_above_stable": given["error_threshold"], "latency_above_stable": given["latency_threshold"]}
    fields = {"start": given["canary_percent"], "watch": given["watch"], "stages": given["stages"]}
    canary = structs.replace(canary, limits=structs.replace(canary.limits, **_given(limits)), **_given(fields))
    return structs.replace(ctx, spec=structs.replace(ctx.spec, canary=canary))


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
