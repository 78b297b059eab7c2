"""What the verbs share: common options, opening an environment, running a use case, exit codes, errors."""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

import click

from comporta.cli.printing import say
from comporta.model.errors import EXIT_INTERRUPTED, ComportaError

if TYPE_CHECKING:
    from comporta.app.context import Context, Front, Interruption
    from comporta.app.deploy import Strategy
    from comporta.app.releasing import Bench
    from comporta.app.watching import Seen
    from comporta.cli.screen import Screen
    from comporta.model.findings import Finding
    from comporta.model.traces import Trace
    from comporta.ports.workshop import Workshop

SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "a closed terminal (SIGHUP)"}
"""What interrupts a command → how it is told."""

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Stopped(ComportaError):
    """A signal ended the command."""

    exit_code = EXIT_INTERRUPTED


class Composition(Protocol):
    """What the composition root offers to the command line."""

    def context(self, config: Path | None, environment: str, screen: Front, *, starts: bool) -> Context:
        """`starts`: instances will be started, so all that the config refers to must be there."""

    def serve(self, config: Path | None, environments: Sequence[str]) -> None:
        """Watch these environments, or all that are to be, until a signal ends it."""

    async def watch(self, ctx: Context, show: Callable[[Seen], None]) -> None:
        """Watch one environment until cancelled."""

    def workshop(self, config: Path | None, environment: str) -> Workshop: ...

    def releasing(self, config: Path | None, environment: str) -> Bench: ...

    def send_trace(self, trace: Trace) -> None:
        """Raises ComportaError: nobody took it."""

    def strategy(self, name: str) -> Strategy:
        """Raises UsageError for an unknown name."""

    def config_view(self, config: Path | None, environment: str) -> dict[str, Any]: ...

    def config_schema(self) -> dict[str, Any]: ...

    def config_environments(self, config: Path | None) -> list[str]: ...

    def starter_config(self, service: str) -> str: ...

    def diagnose(self, config: Path | None, environment: str) -> list[Finding]: ...


class Interruptible(Protocol):
    """What a use case works with, as far as it can be interrupted."""

    @property
    def interruption(self) -> Interruption: ...


config_option = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The config file (default: comporta.yml here or in a folder above).",
)


def common(function: F) -> F:
    """`-e`, `-c` and `--json`, as every verb about an environment has them."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts; progress goes to stderr."),
        config_option,
        click.option(
            "-e",
            "--environment",
            default=default_environment,
            show_default="development, or $COMPORTA_ENVIRONMENT",
            help="Which environment.",
        ),
    ):
        function = option(function)
    return function


yes_option = click.option("-y", "--yes", is_flag=True, help="Answer planned questions with yes (for scripts).")
reason_option = click.option("--reason", default="", help="Why: it is kept in the history.")
wait_option = click.option(
    "--wait",
    type=click.IntRange(min=0),
    default=0,
    metavar="SECONDS",
    help="Wait this long if somebody else is changing the environment.",
)


def told(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turns typed errors into a message, a next step and an exit code; with --json, into a JSON document."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ComportaError as error:
            tell_error(error, as_json=bool(kwargs.get("as_json")))
            sys.exit(error.exit_code)
        except BrokenPipeError:
            # The reader went away (`comporta logs | head`): nothing is left to tell anybody.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except OSError as error:
            # Such as a file of another user, or a full disk, where nothing knows better what it means.
            unforeseen = ComportaError(f"cannot go on: {error}", next="`comporta doctor` looks for the reason")
            tell_error(unforeseen, as_json=bool(kwargs.get("as_json")))
            sys.exit(unforeseen.exit_code)

    return wrapper


def tell_error(error: ComportaError, *, as_json: bool) -> None:
    if as_json:
        facts = {
            "type": type(error).__name__,
            "message": error.message,
            "details": error.details,
            "next": as_called(error.next),
        }
        print_json({"error": facts, "exit_code": error.exit_code})
        return
    say(f"{paint('error:', 'red')} {error.message}", err=True)
    for line in error.details:
        say(f"  {line}", err=True)
    if error.next:
        say(f"{paint('next:', 'cyan')} {as_called(error.next)}", err=True)


def as_called(text: str) -> str:
    """Advice whose commands mean the same environment and config as the one that gives it."""
    given = click.get_current_context().params
    flags = ""
    if given.get("environment") not in (None, default_environment()):
        flags += f" -e {given['environment']}"
    if given.get("config") is not None:
        flags += f" -c {shlex.quote(str(given['config']))}"
    return re.sub(
        r"`comporta (?!init|config schema)"
        r"(database [a-z]+|audit [a-z]+|[a-z]+( check| show| test| deliver| on\b| off\b)?)",
        lambda found: found[0] + flags,
        text,
    )


def default_environment() -> str:
    return os.environ.get("COMPORTA_ENVIRONMENT", "development")


def print_json(data: Any) -> None:
    say(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def paint(text: str, color: str, *, bold: bool = False) -> str:
    """Coloured where that is wanted: a terminal, and no NO_COLOR."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=color, bold=bold)


def composition() -> Composition:
    found: Composition = click.get_current_context().find_root().obj
    return found


def open_context(
    environment: str, config: Path | None, *, as_json: bool = False, yes: bool = False, starts: bool = False
) -> tuple[Context, Screen]:
    """The environment, ready to be worked on, and the screen that shows it.

    Args:
        starts: instances will be started: a missing env file is told at once, and not only where it is needed.
    """
    from comporta.cli.screen import Screen

    screen = Screen(yes=yes, to_stderr=as_json)
    return composition().context(config, environment, screen, starts=starts), screen


def execute(context: Interruptible, use_case: Callable[[], Awaitable[T]]) -> T:
    """Run a use case to its end. Ctrl-C, SIGTERM and a closed terminal undo a deployment, and cancel anything else.

    A second signal leaves everything as it is, for `comporta resume` or `comporta abort`.
    """
    import anyio

    return anyio.run(_interruptible, context, use_case)


async def _interruptible(context: Interruptible, use_case: Callable[[], Awaitable[T]]) -> T:
    import anyio

    from comporta.steps.groups import task_group

    result: list[T] = []
    async with task_group() as group:

        async def listen(*, task_status: Any = anyio.TASK_STATUS_IGNORED) -> None:
            with anyio.open_signal_receiver(*SIGNALS) as signals:
                task_status.started()
                async for received in signals:
                    name = SIGNALS[received]
                    if not context.interruption.undoable or context.interruption.reason:
                        context.interruption.set(f"interrupted by {name}")
                        group.cancel_scope.cancel()
                        return
                    context.interruption.set(f"interrupted by {name}")

        await group.start(listen)
        result.append(await use_case())
        group.cancel_scope.cancel()
    if not result:
        interrupted(context)
    return result[0]


def interrupted(context: Interruptible) -> NoReturn:
    if context.interruption.undoable:
        text, next_ = "left as it is", "`comporta resume` or `comporta abort` settles it"
    else:
        text, next_ = "nothing was changed", ""
    raise Stopped(f"{context.interruption.reason}: {text}", next=next_)
