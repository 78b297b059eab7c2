"""The page that users get during maintenance: the operator's own, or a simple one that needs nothing else."""

from __future__ import annotations

import html
import math
from pathlib import Path

from comporta.model.errors import UsageError
from comporta.model.findings import Finding
from comporta.model.spec import EnvironmentSpec

PLACE = "{message}"
"""Where the message goes in the operator's own page."""
DEFAULT_MESSAGE = "We are working on it, and will be back soon."
BUILT_IN = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{seconds}">
<title>{service}: maintenance</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; font: 1.1rem/1.5 system-ui, sans-serif; }}
main {{ max-width: 34rem; padding: 2rem; }}
h1 {{ font-size: 1.6rem; }}
small {{ opacity: 0.7; }}
</style>
<main>
<h1>{service} is closed for maintenance</h1>
<p>{message}</p>
<small>This page tries again by itself.</small>
</main>
</html>
"""


def page(spec: EnvironmentSpec, message: str, own: Path | None = None) -> str:
    """The page with the message in it.

    Args:
        own: a page instead of the one that the config names.

    Raises:
        UsageError: the page cannot be read.
    """
    configured = Path(spec.maintenance.page) if spec.maintenance.page else None
    if (path := own or configured) is not None:
        return _read(path).replace(PLACE, html.escape(message))
    return BUILT_IN.format(
        service=html.escape(spec.service),
        message=html.escape(message or DEFAULT_MESSAGE),
        seconds=math.ceil(spec.maintenance.retry_after),
    )


def diagnose(spec: EnvironmentSpec) -> list[Finding]:
    """Whether the page that the config names can be shown: better known before it is needed."""
    if spec.maintenance.page is None:
        return []
    try:
        page(spec, "")
    except UsageError as error:
        return [Finding(name="maintenance", ok=False, text=error.message, next=error.next)]
    return [Finding(name="maintenance", ok=True, text=f"{spec.maintenance.page} can be read")]


def _read(path: Path) -> str:
    advice = "`--page FILE` names another one; `maintenance.page` in the config is the one without it"
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read the maintenance page {path}: {error.strerror}", next=advice) from None
    except UnicodeDecodeError:
        raise UsageError(f"cannot read the maintenance page {path}: it is not UTF-8", next=advice) from None
