"""`comporta doctor`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from comporta.cli.base import as_called, common, composition, execute, open_context, paint, print_json, told
from comporta.cli.printing import say
from comporta.cli.status import undelivered_lines
from comporta.model.findings import Finding


@click.command("doctor")
@common
@told
def command(environment: str, config: Path | None, as_json: bool) -> None:
    """Check that this machine has what the config needs. Exits with 1 if something is missing."""
    findings = [*composition().diagnose(config, environment), *_undelivered(environment, config)]
    healthy = all(finding.ok for finding in findings)
    if as_json:
        facts = [{"name": f.name, "ok": f.ok, "text": f.text, "next": f.next} for f in findings]
        print_json({"ok": healthy, "findings": facts})
        sys.exit(0 if healthy else 1)
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        say(f"{paint('✓', 'green') if finding.ok else paint('✗', 'red')} {finding.name:{width}} {finding.text}")
        if finding.next and not finding.ok:
            say(f"  {paint('next:', 'cyan')} {finding.next}")
    if healthy:
        say(as_called("All is there. `comporta plan VERSION` shows what a deployment would do."))
    sys.exit(0 if healthy else 1)


def _undelivered(environment: str, config: Path | None) -> list[Finding]:
    """One finding for what did not reach its receiver; none where nobody is to be told anything."""
    from comporta.app.notifying import undelivered

    ctx, _ = open_context(environment, config)
    if ctx.alerts is None:
        return []
    lines = undelivered_lines(execute(ctx, lambda: undelivered(ctx)))
    advice = "`comporta alerts test` tells whether it works now" if lines else ""
    return [Finding(name="alerts", ok=not lines, text="; ".join(lines) or "nothing is undelivered", next=advice)]
