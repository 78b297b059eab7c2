"""An env file: what is read from it fills in, and is hidden wherever it shows up."""

from __future__ import annotations

from comporta.config import env_file
from comporta.drivers.env_secrets import HIDDEN, MIN_LENGTH, EnvSecrets
from fuzz.scratch import documented, written


def run(data: bytes) -> None:
    path = written("env", data)
    with documented():
        values = env_file.read(path)
        secrets = EnvSecrets(path, {})
        for name, value in values.items():
            assert "\0" not in name + value
            filled = secrets.fill(f"${{{name}}}")
            assert filled == value or not (name.isidentifier() and name.isascii()), name
            if len(value) >= MIN_LENGTH and value not in HIDDEN:
                assert value not in secrets.redact(f"{value} {value}"), name
