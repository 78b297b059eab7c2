"""Tables in Markdown, a row as soon as it is done, and what stands in them."""

import math
from collections.abc import Sequence
from statistics import median

import click
from analysis_bounds import bounds


def told(hits: int, runs: int) -> str:
    low, high = bounds(hits, runs)
    return f"{hits / runs:.2%} ({low:.2%}–{high:.2%})"


def typical(values: Sequence[float | None]) -> float:
    """The median, where never is infinity."""
    return median([math.inf if value is None else value for value in values])


def row(*cells: object) -> None:
    click.echo("| " + " | ".join(str(cell) for cell in cells) + " |")


def header(title: str, *cells: str) -> None:
    click.echo(f"\n### {title}\n")
    row(*cells)
    row(*["---"] * len(cells))
