"""Where the service keeps its things, read once from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """`data_dir` outlives every release; an empty `queue_url` means the embedded queue; `max_upload` in bytes."""

    data_dir: Path
    database_url: str
    storage_url: str
    queue_url: str
    max_upload: int

    @classmethod
    def from_environment(cls) -> Settings:
        data = Path(os.environ.get("DATA_DIR") or _default_data()).resolve()
        data.mkdir(parents=True, exist_ok=True)
        return cls(
            data_dir=data,
            database_url=os.environ.get("DATABASE_URL") or f"sqlite:///{data / 'conversormpp.db'}",
            storage_url=os.environ.get("STORAGE_URL") or (data / "files").as_uri(),
            queue_url=os.environ.get("QUEUE_URL", ""),
            max_upload=int(os.environ.get("MAX_UPLOAD_MB", "50")) * MEBIBYTE,
        )


def _default_data() -> Path:
    """Beside the folder of the releases, so that it outlives each of them; in a checkout, beside the package."""
    home = Path(__file__).parents[1]
    return home.parents[1] / "data" if (home / "release.json").exists() else home / "data"
