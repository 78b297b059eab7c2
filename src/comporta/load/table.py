"""The report in plain text; every figure in it comes from `Report.as_dict`."""

from typing import Any

from comporta.load.report import Report


def table(report: Report) -> str:
    """A table for the terminal; times in milliseconds."""
    figures = report.as_dict()
    lines = [
        f"{figures['requests']} requests in {figures['duration']:.2f} s: "
        f"{figures['answered']} answered, {figures['failed']} failed, {figures['unfinished']} unfinished",
        "connections: " + (", ".join(f"{count} {name}" for name, count in figures["connections"].items()) or "none"),
        "",
        *_spreads(figures),
        *_failures(figures["failures"]),
        *_releases(figures["releases"]),
    ]
    return "\n".join(lines)


def _spreads(figures: dict[str, Any]) -> list[str]:
    rows = {
        "latency (since due)": figures["latency"],
        "service (since sent)": figures["service"],
        "wait before sending": figures["wait"],
    }
    heading = f"{'ms':<22}" + "".join(f"{name:>10}" for name in figures["latency"])
    return [heading, *(f"{title:<22}" + "".join(map(_milliseconds, row.values())) for title, row in rows.items())]


def _milliseconds(seconds: float | None) -> str:
    return f"{'-':>10}" if seconds is None else f"{seconds * 1000:>10.2f}"


def _failures(failures: dict[str, Any]) -> list[str]:
    lines = []
    for kind, failure in failures.items():
        lines.append(f"failed by {kind}: {failure['count']}, e.g.")
        lines += [f"  at {e['at']:.3f} s, {e['connection']} connection: {e['detail']}" for e in failure["examples"]]
    return ["", *lines] if lines else []


def _releases(releases: dict[str, Any]) -> list[str]:
    lines = [
        f"{name}: {release['answers']} answers, sent {release['first_sent']:.3f} s to {release['last_sent']:.3f} s"
        for name, release in releases.items()
    ]
    return ["", *lines] if lines else []
