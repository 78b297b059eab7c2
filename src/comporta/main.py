"""The composition root: config → drivers → use cases. The only place that knows every room."""

from __future__ import annotations

import atexit
import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comporta.model.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints

    from pydantic import BaseModel

    from comporta.app.context import Alerts, Context, Front
    from comporta.app.deploy import Strategy
    from comporta.app.releasing import Bench
    from comporta.app.watching import Seen
    from comporta.config.loading import OptionTypes
    from comporta.engine.events import Listener
    from comporta.model.findings import Finding
    from comporta.model.spec import EnvironmentSpec
    from comporta.model.traces import Trace
    from comporta.ports.backups import Backing, OpenBacking
    from comporta.ports.bundle import Ports
    from comporta.ports.clock import Clock
    from comporta.ports.drivers import Driver
    from comporta.ports.metrics import MetricSource
    from comporta.ports.migrator import Migrator
    from comporta.ports.router import Router
    from comporta.ports.runtime import Runtime
    from comporta.ports.secrets import Secrets
    from comporta.ports.workshop import Workshop

RUNTIMES, ROUTERS, MIGRATORS = "comporta.runtimes", "comporta.routers", "comporta.migrators"
STRATEGIES = "comporta.strategies"


def main() -> None:
    """The `comporta` command."""
    # Python would look for garbage again and again while it imports, and once more before it ends: a quarter of a short
    # command. What runs for long makes this much garbage soon enough.
    gc.set_threshold(100_000, 20, 20)
    atexit.register(gc.freeze)
    from comporta.cli.group import cli

    cli(obj=Composed())


class Composed:
    """What the command line gets. Everything is built only when a verb asks for it.

    Args:
        listener: hears of every point of every step; None: nobody does.
    """

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener

    def context(self, config: Path | None, environment: str, screen: Front, *, starts: bool = False) -> Context:
        from comporta.app.context import Context, Interruption
        from comporta.drivers.env_secrets import EnvSecrets
        from comporta.drivers.journals.sqlite import SqliteJournal
        from comporta.drivers.local_host import LocalHost
        from comporta.drivers.otlp import Tracer, traceparent
        from comporta.drivers.series.sqlite import SqliteSeries
        from comporta.drivers.state_folder import require_trusted
        from comporta.engine.events import ignore

        spec = self._spec(config, environment, os.environ if starts else None)
        state = Path(spec.state)
        require_trusted(state)
        secrets = EnvSecrets(Path(spec.env_file) if spec.env_file else None, os.environ)
        return Context(
            spec,
            ports_of(spec, screen, secrets),
            SqliteJournal(state / "journal.db", redact=secrets.redact),
            SqliteSeries(state / spec.environment / "watch.db"),
            LocalHost(),
            screen,
            Interruption(),
            listener=self._listener or ignore,
            alerts=alerts_of(spec, _path(config), secrets),
            trace=Tracer(_path(config).absolute(), spec.environment, state).wake,
            traceparent=traceparent(os.environ),
        )

    def serve(self, config: Path | None, environments: Sequence[str]) -> None:
        from comporta.daemon.log import Log
        from comporta.daemon.serving import serve

        chosen = environments or [name for name in self.config_environments(config) if self._is_watched(config, name)]
        serve([self.context(config, name, Log(name)) for name in chosen])

    async def watch(self, ctx: Context, show: Callable[[Seen], None]) -> None:
        from comporta.daemon.serving import watch_alone

        await watch_alone(ctx, show)

    def _is_watched(self, config: Path | None, environment: str) -> bool:
        return self._spec(config, environment).monitoring != "disabled"

    def workshop(self, config: Path | None, environment: str) -> Workshop:
        from comporta.drivers.env_secrets import EnvSecrets
        from comporta.drivers.workshop import LocalWorkshop

        spec = self._spec(config, environment)
        secrets = EnvSecrets(Path(spec.env_file) if spec.env_file else None, os.environ)
        return LocalWorkshop(Path(spec.base), Path(spec.state) / "preflight", secrets)

    def releasing(self, config: Path | None, environment: str) -> Bench:
        from comporta.app.context import Interruption
        from comporta.app.releasing import Bench
        from comporta.drivers.repositories.git import GitRepository
        from comporta.drivers.system_clock import SystemClock

        spec = self._spec(config, environment)
        return Bench(spec.versions, GitRepository(Path(spec.base)), SystemClock(), Interruption())

    def send_trace(self, trace: Trace) -> None:
        from comporta.drivers.otlp import send

        send(trace)

    def strategy(self, name: str) -> Strategy:
        found: Strategy = named(STRATEGIES, name).load()
        return found

    def config_view(self, config: Path | None, environment: str) -> dict[str, Any]:
        from comporta.model.values import to_json

        view: dict[str, Any] = to_json(self._spec(config, environment))
        return view

    def config_schema(self) -> dict[str, Any]:
        from comporta.config.loading import schema

        return schema(option_types())

    def config_environments(self, config: Path | None) -> list[str]:
        from comporta.config.loading import environments

        return environments(_path(config), option_types())

    def starter_config(self, service: str) -> str:
        from comporta.config.loading import starter

        return starter(service)

    def diagnose(self, config: Path | None, environment: str) -> list[Finding]:
        from comporta.app import maintenance_page
        from comporta.drivers import otlp, state_folder
        from comporta.drivers.databases import diagnosis
        from comporta.drivers.env_secrets import EnvSecrets
        from comporta.drivers.notifiers.receivers import diagnose
        from comporta.model.findings import Finding

        spec = self._spec(config, environment)
        secrets = EnvSecrets(Path(spec.env_file) if spec.env_file else None, os.environ)
        runtime, router, migrator = runtime_driver(spec), router_driver(spec), migrator_driver(spec)
        return [
            Finding(name="config", ok=True, text=f"{_path(config)} is right"),
            *state_folder.diagnose(Path(spec.state)),
            *runtime.diagnose(spec, runtime.options.model_validate(spec.runtime.options)),
            *router.diagnose(spec, router.options.model_validate(spec.router.options)),
            *(migrator[0].diagnose(spec, migrator[1]) if migrator else ()),
            *diagnosis.diagnose(spec, secrets),
            *maintenance_page.diagnose(spec),
            *diagnose(spec, secrets),
            *otlp.diagnose(os.environ),
        ]

    def _spec(
        self, config: Path | None, environment: str, environ: Mapping[str, str] | None = os.environ
    ) -> EnvironmentSpec:
        from comporta.config.loading import load

        return load(_path(config), environment, option_types(), environ)


def runtime_driver(spec: EnvironmentSpec) -> Driver[Runtime]:
    found: Driver[Runtime] = named(RUNTIMES, spec.runtime.name).load()
    return found


def router_driver(spec: EnvironmentSpec) -> Driver[Router]:
    found: Driver[Router] = named(ROUTERS, spec.router.name).load()
    return found


def migrator_driver(spec: EnvironmentSpec) -> tuple[Driver[Migrator], BaseModel] | None:
    """The driver that the config names, if it names one, and its options."""
    if spec.database is None or spec.database.migrator is None:
        return None
    found: Driver[Migrator] = named(MIGRATORS, spec.database.migrator.name).load()
    return found, found.options.model_validate(spec.database.migrator.options)


def migrator(spec: EnvironmentSpec, clock: Clock, secrets: Secrets) -> Migrator | None:
    chosen = migrator_driver(spec)
    return chosen[0].build(spec, chosen[1], clock, secrets) if chosen else None


def ports_of(spec: EnvironmentSpec, screen: Front, secrets: Secrets) -> Ports:
    """What the use cases of an environment act through."""
    from comporta.drivers.linters.squawk import Squawk
    from comporta.drivers.load_generator import GeneratedLoad
    from comporta.drivers.probes.command import CommandProbe
    from comporta.drivers.probes.http import HttpProbe
    from comporta.drivers.probes.tcp import TcpProbe
    from comporta.drivers.system_clock import SystemClock
    from comporta.ports.bundle import Ports

    clock = SystemClock()
    runtime, router = runtime_driver(spec), router_driver(spec)
    return Ports(
        clock=clock,
        runtime=runtime.build(spec, runtime.options.model_validate(spec.runtime.options), clock, secrets),
        router=router.build(spec, router.options.model_validate(spec.router.options), clock, secrets),
        probes={"http": HttpProbe(secrets), "tcp": TcpProbe(), "command": CommandProbe(Path(spec.base), secrets)},
        operator=screen,
        metrics=metrics(spec, secrets),
        migrator=migrator(spec, clock, secrets),
        linter=Squawk(),
        load=GeneratedLoad(),
        backing=backing(spec, clock, secrets),
    )


def metrics(spec: EnvironmentSpec, secrets: Secrets) -> MetricSource | None:
    """What is asked beside the router's log; None where the config names nothing."""
    if spec.metrics is None:
        return None
    from comporta.drivers.metrics.prometheus import Prometheus

    return Prometheus(spec.metrics, secrets)


def alerts_of(spec: EnvironmentSpec, config: Path, secrets: Secrets) -> Alerts | None:
    """Who is told what happens; None where the config names nobody."""
    if not spec.alerts:
        return None
    from comporta.app.context import Alerts
    from comporta.drivers.courier import Courier
    from comporta.drivers.notifiers.receivers import receiver
    from comporta.drivers.outboxes.sqlite import SqliteOutbox

    state = Path(spec.state)
    outbox = SqliteOutbox(state / "deliveries.db")
    # By their keys: one that is written twice is told once.
    receivers = {made.key: made for made in (receiver(each, Path(spec.base), secrets) for each in spec.alerts)}
    return Alerts(
        receivers=tuple(receivers.values()),
        outbox=outbox,
        redact=secrets.redact,
        wake=Courier(config.absolute(), spec.environment, state, outbox).wake,
    )


def backing(spec: EnvironmentSpec, clock: Clock, secrets: Secrets) -> OpenBacking | None:
    """How to open the environment's database and its backups; None where the config names none."""
    wanted = spec.database
    if wanted is None:
        return None

    def opened(identity: Path | None = None) -> Backing:
        from msgspec import structs

        from comporta.drivers.backups.opening import store, work_folder
        from comporta.drivers.databases.opening import database
        from comporta.ports.backups import Backing

        work = work_folder(spec, wanted.backups)
        how = structs.replace(wanted.backups, identity=str(identity)) if identity else wanted.backups
        return Backing(database(secrets.fill(wanted.url), Path(spec.base), work), store(how, work, clock, secrets))

    return opened


def option_types() -> OptionTypes:
    """The options type of every driver that is installed, ours and others'."""
    return {"runtimes": Installed(RUNTIMES), "routers": Installed(ROUTERS), "migrators": Installed(MIGRATORS)}


class Installed(Mapping[str, "type[BaseModel]"]):
    """Name of a driver → the type of its options. A driver is imported only when it is looked up."""

    def __init__(self, group: str) -> None:
        self._entries = {entry.name: entry for entry in entries(group)}

    def __getitem__(self, name: str) -> type[BaseModel]:
        found: type[BaseModel] = self._entries[name].load().options
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def entries(group: str) -> EntryPoints:
    found: EntryPoints = _all_entries().select(group=group)
    return found


@cache
def _all_entries() -> Any:  # of another type from Python 3.12 on
    """Read once: it means opening a file of each package that is installed."""
    from importlib.metadata import entry_points

    return entry_points()


def named(group: str, name: str) -> EntryPoint:
    """The entry point with this name.

    Raises:
        UsageError: there is none; the error lists those there are.
    """
    known = entries(group)
    if name not in known.names:
        kind = group.rpartition(".")[2]
        raise UsageError(f"cannot find {name!r} among the {kind}", next=f"there are: {', '.join(sorted(known.names))}")
    return known[name]


def _path(config: Path | None) -> Path:
    from comporta.config.loading import find

    return config or find(Path.cwd())


if __name__ == "__main__":
    main()
