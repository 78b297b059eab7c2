"""The ports as one bundle, as every step gets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field

from comporta.ports.notebook import BlankNotebook, Notebook

if TYPE_CHECKING:  # the ports that are acted through are imported by who makes them
    from comporta.ports.backups import OpenBacking
    from comporta.ports.clock import Clock
    from comporta.ports.linter import Linter
    from comporta.ports.load import Load
    from comporta.ports.metrics import MetricSource
    from comporta.ports.migrator import Migrator
    from comporta.ports.operator import Operator
    from comporta.ports.probe import Probe
    from comporta.ports.router import Router
    from comporta.ports.runtime import Runtime
    from comporta.ports.vault import Vault


class Ports(Struct, frozen=True):
    """`probes` by the tag of the check they answer: "http", "tcp", "command".

    `migrator` is there where the config names one, and `linter` reads its SQL beside our own rules.
    `load` puts load on an instance, where a release is validated.
    `backing` opens the database and its backups, where the config names one.
    `vault` keeps those that a step makes of it.
    `metrics` is a source beside the router's log, where one is configured; `notebook` is the acting step's own.
    `deployment`: the number of the one that acts, if any.
    """

    clock: Clock
    runtime: Runtime
    router: Router
    probes: Mapping[str, Probe]
    operator: Operator
    metrics: MetricSource | None = None
    migrator: Migrator | None = None
    linter: Linter | None = None
    load: Load | None = None
    backing: OpenBacking | None = None
    vault: Vault | None = None
    notebook: Notebook = field(default_factory=BlankNotebook)
    deployment: int | None = None
