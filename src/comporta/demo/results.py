"""The demonstration in figures, as its users measured them."""

from __future__ import annotations

from comporta.demo.story import Performed, Shown, is_lost
from comporta.load import Report

WIDTH = 42


def table(shown: Shown) -> str:
    """Two tables: the times by phase, and what each act cost."""
    return "\n".join([*_phases(shown), "", *_acts(shown), "", _summary(shown)])


def _phases(shown: Shown) -> list[str]:
    first, last = shown.acts[0].command.began, shown.acts[-1].command.ended
    report = shown.report
    rows = [
        ("before the first switch", report.between(shown.began, first)),
        ("during the deployments", report.between(first, last)),
        ("after the last switch", report.between(last, shown.ended)),
    ]
    head = f"{'what users saw':{WIDTH}}{'requests':>10}{'lost':>6}{'500s':>6}{'p50 ms':>9}{'p99 ms':>9}"
    return [head, *(_phase(title, part) for title, part in rows)]


def _phase(title: str, report: Report) -> str:
    return f"{title:{WIDTH}}{_counts(report)}{report.latency(50) * 1000:>9.1f}{report.latency(99) * 1000:>9.1f}"


def _acts(shown: Shown) -> list[str]:
    head = f"{'act':{WIDTH}}{'requests':>10}{'lost':>6}{'500s':>6}{'switches, ms':>20}{'last old s':>12}{'took s':>8}"
    note = "500s: answered by the faulty release itself; last old: from the start of the command to the last request\n"
    note += "that the old version answered"
    return [head, *(_act(performed, shown.report) for performed in shown.acts), note]


def _act(performed: Performed, report: Report) -> str:
    command = performed.command
    part = report.between(command.began, command.ended)
    switches = ", ".join(f"{seconds * 1000:.1f}" for seconds in performed.switches) or "-"
    changed = performed.act.serves != performed.before
    last_old = f"{part.cut_over(command.began, performed.before):.2f}" if changed else "-"
    return f"{performed.act.title:{WIDTH}}{_counts(part)}{switches:>20}{last_old:>12}{command.seconds:>8.1f}"


def _counts(report: Report) -> str:
    """Requests, those that were lost, and those that a release answered with an error."""
    lost = len([sample for sample in report.failed if is_lost(sample)])
    return f"{len(report.samples):>10}{lost:>6}{len(report.failed) - lost:>6}"


def _summary(shown: Shown) -> str:
    conversions = shown.report.scenarios["conversion"]
    return (
        f"{shown.lost} lost of {len(shown.report.samples)} requests over {shown.switches} switches; "
        f"{conversions.completed} of {conversions.started} conversions completed"
    )
