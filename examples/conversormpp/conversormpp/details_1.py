"""The same before 2.0.0: the size of the upload in bytes. In those releases it stands in the place of details.py."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from conversormpp.plan import Plan


class Details:
    """Columns of the table of conversions."""

    size: Mapped[int] = mapped_column(default=0)


def of_upload(size: int) -> dict[str, Any]:
    """What is known when a file of so many bytes arrives."""
    return {"size": size}


def of_plan(plan: Plan) -> dict[str, Any]:
    """What is known once it was read."""
    return {}


def shown(job: Details) -> dict[str, Any]:
    return {"size": job.size}
