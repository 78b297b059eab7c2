"""What every part of the file has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of the file: unknown keys are errors, and nothing is converted that was not meant so."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)
