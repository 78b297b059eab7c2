"""`${NAME}` in the config: filled in at the last moment, and kept out of every output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Secrets(Protocol):
    @property
    def env_file(self) -> Mapping[str, str]:
        """What the environment's env file defines: each instance gets all of it."""

    def fill(self, text: str) -> str:
        """The text with each `${NAME}` replaced from the env file, else from comporta's own environment.

        Raises:
            ConfigError: a name is defined in neither.
        """

    def redact(self, text: str) -> str:
        """The text with every secret value replaced by `***`."""
