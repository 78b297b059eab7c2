"""Secrets from an env file and from comporta's own environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from comporta.config import env_file, variables
from comporta.model.errors import ConfigError

MIN_LENGTH = 4
"""Shorter values are no secrets: hiding every "1" would make the output unreadable."""
HIDDEN = "***"


class EnvSecrets:
    """Implements the Secrets port.

    Secret is every value of the env file, and every value that was filled in from the environment. The env file is
    read when it is first needed.

    Args:
        env_file: None where the environment has none.
        environ: comporta's own environment.
    """

    def __init__(self, env_file: Path | None, environ: Mapping[str, str]) -> None:
        self._path = env_file
        self._environ = environ
        self._filled: set[str] = set()
        self._secret: re.Pattern[str] | None = None

    @cached_property
    def env_file(self) -> Mapping[str, str]:
        if self._path is None:
            return {}
        try:
            return env_file.read(self._path)
        except OSError as error:
            raise ConfigError(
                f"cannot read {self._path}: {error.strerror}", next="create the file, or correct `env_file`"
            ) from None

    def fill(self, text: str) -> str:
        return variables.fill(text, self._value)

    def redact(self, text: str) -> str:
        self._secret = self._secret or _pattern({*self._known(), *self._filled})
        return self._secret.sub(HIDDEN, text)

    def _known(self) -> Iterable[str]:
        """Nothing, where the file cannot be read: then no value of it was given to anybody by us."""
        try:
            return self.env_file.values()
        except ConfigError:
            return ()

    def _value(self, name: str) -> str:
        value = self.env_file.get(name, self._environ.get(name))
        if value is None:
            place = f"in {self._path}, or " if self._path else ""
            raise ConfigError(
                f"cannot fill in ${{{name}}}: it is not defined",
                next=f"define {name} {place}in the environment that comporta runs in",
            )
        if value not in self._filled:
            self._filled.add(value)
            self._secret = None
        return value


def _pattern(values: set[str]) -> re.Pattern[str]:
    """Matches any secret, the longest first; of a value with several lines also each line, as logs show them."""
    secrets = {part for value in values for part in (value, *value.splitlines()) if len(part) >= MIN_LENGTH}
    longest_first = sorted(secrets, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
