"""How a container is created: every placeholder and secret filled in, in the engine's own terms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from comporta.drivers.runtimes.docker.containers import labels, slot_key
from comporta.drivers.runtimes.docker.options import Container, Limits
from comporta.drivers.runtimes.placeholders import fill
from comporta.model.release import Occupant
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot
from comporta.ports.secrets import Secrets


def order(
    spec: EnvironmentSpec,
    slot: Slot,
    occupant: Occupant,
    index: int,
    host: str,
    secrets: Secrets,
) -> dict[str, Any]:
    """What the engine is told to create for one instance.

    Args:
        host: the address of the engine's machine on which it is published.

    Raises:
        ConfigError: a secret is not defined.
    """
    container = recorded(occupant)
    values = {
        "port": str(container.port),
        "version": occupant.release.version,
        "slot": slot.value,
        "index": str(index),
    }
    port = f"{container.port}/tcp"
    published = str(spec.ports(slot).first + index - 1)
    return {
        "Image": occupant.artifact.identity,
        "Cmd": [fill(word, values) for word in container.command] or None,
        "Env": [f"{name}={value}" for name, value in _environment(occupant, values, secrets).items()],
        "Labels": labels(slot_key(spec, slot), occupant, index),
        "StopTimeout": math.ceil(container.stop_grace),
        "ExposedPorts": {port: {}},
        "HostConfig": {
            "PortBindings": {port: [{"HostIp": host, "HostPort": published}]},
            "Mounts": [_mount(volume, Path(spec.base)) for volume in container.volumes],
            "NetworkMode": container.networks[0] if container.networks else "default",
            "RestartPolicy": _restart(container.restart),
            "LogConfig": {"Type": container.log.driver, "Config": container.log.options},
            **_limits(container.limits),
        },
    }


def recorded(occupant: Occupant) -> Container:
    """What was recorded of the release's containers."""
    return Container.model_validate(occupant.artifact.launch["container"])


def _environment(occupant: Occupant, values: Mapping[str, str], secrets: Secrets) -> dict[str, str]:
    return {
        **secrets.env_file,
        **{name: fill(text, values, secrets.fill) for name, text in recorded(occupant).env.items()},
        "PORT": values["port"],
        "COMPORTA_SLOT": values["slot"],
        "COMPORTA_INSTANCE": values["index"],
        "COMPORTA_VERSION": values["version"],
        "COMPORTA_RELEASE": str(occupant.release.number),
    }


def _mount(volume: str, base: Path) -> dict[str, Any]:
    source, target, *mode = volume.split(":")
    is_path = source.startswith(("/", "."))
    return {
        "Type": "bind" if is_path else "volume",
        "Source": str((base / source).resolve()) if is_path else source,
        "Target": target,
        "ReadOnly": mode == ["ro"],
    }


def _restart(written: str) -> dict[str, Any]:
    name, _, most = written.partition(":")
    return {"Name": name, "MaximumRetryCount": int(most or 0)}


def _limits(limits: Limits) -> dict[str, Any]:
    return {
        "Memory": limits.memory or 0,
        "NanoCpus": round((limits.cpus or 0) * 1e9),
        "PidsLimit": limits.pids,
    }
