"""The report as one HTML page with charts drawn in SVG: nothing is loaded from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader

from comporta.cli.report import TITLES, dora_texts, figure, level_text
from comporta.cli.times import clock_time, span

if TYPE_CHECKING:
    from comporta.analysis.service_levels import Window

WIDTH, HEIGHT = 900.0, 160.0


def render(service: str, where: str, windows: Sequence[Window]) -> str:
    """The page. Every text in it is escaped."""
    template = Environment(loader=PackageLoader("comporta.cli", "."), autoescape=True).get_template("report.html.jinja")
    return template.render(
        service=service,
        where=where,
        windows=windows,
        titles=TITLES,
        level_text=level_text,
        dora_texts=dora_texts,
        figure=figure,
        clock_time=clock_time,
        span=span,
        charts=[_Chart(window) for window in windows],
        width=WIDTH,
        height=HEIGHT,
    )


class _Chart:
    """Where the bars of a window stand, in pixels: `counts` of deployments, and how long the `slowest` took."""

    def __init__(self, window: Window) -> None:
        from comporta.analysis.service_levels import BARS

        self.bars = window.bars
        self.step = WIDTH / BARS
        self._since = window.since
        self._scale = WIDTH / ((window.until - window.since) or 1.0)
        self.most = max((bar.promoted + bar.failed for bar in window.bars), default=1)
        self.limit = next(level.limit for level in window.whole.levels if level.name == "deployment")
        self.longest = max([self.limit * 1.25, *(bar.slowest for bar in window.bars if bar.slowest)])

    def x(self, at: float) -> float:
        return (at - self._since) * self._scale

    def tall(self, count: int) -> float:
        return HEIGHT * count / self.most

    def lasting(self, seconds: float) -> float:
        return HEIGHT * seconds / self.longest
