"""The ports as one bundle, as every step gets them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from comporta.ports.clock import Clock
from comporta.ports.operator import Operator
from comporta.ports.probe import Probe
from comporta.ports.router import Router
from comporta.ports.runtime import Runtime


@dataclass(frozen=True)
class Ports:
    """`probes` by the tag of the check they answer: "http", "tcp", "command"."""

    clock: Clock
    runtime: Runtime
    router: Router
    probes: Mapping[str, Probe]
    operator: Operator
