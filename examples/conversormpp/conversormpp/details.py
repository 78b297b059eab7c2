"""What a row of the history has beyond what every release keeps: since 2.0.0, how many resources the plan has.

Releases before kept the size of the upload instead (details_1.py). Migration 0002 brings this column while they serve,
0003 takes theirs away when none of them is needed any more.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Mapped

from conversormpp.plan import Plan


class Details:
    """Columns of the table of conversions."""

    resources: Mapped[int | None]


def of_upload(size: int) -> dict[str, Any]:
    """What is known when a file of so many bytes arrives."""
    return {}


def of_plan(plan: Plan) -> dict[str, Any]:
    """What is known once it was read."""
    return {"resources": len(plan.resources)}


def shown(job: Details) -> dict[str, Any]:
    return {"resources": job.resources}
