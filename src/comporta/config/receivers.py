"""The shape of `alerts`: who is told what happens."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, StringConstraints, Tag

from comporta.config.part import Part
from comporta.config.types import Line, PositiveDuration, ReceiverUrl

EventName: TypeAlias = Literal[
    "started",
    "promoted",
    "aborted",
    "rolled-back",
    "superseded",
    "incident",
    "deploy-failed",
    "approval-wanted",
    "threshold-crossed",
    "threshold-cleared",
    "maintenance-on",
    "maintenance-off",
]
EVENTS: Any = Field(
    default=[],
    description="Which messages it gets. `deploy-failed` stands for every deployment that did not end as it was meant. "
    "Empty: all.",
)


class Webhook(Part):
    """An address that gets each message as a POST with JSON."""

    webhook: ReceiverUrl = Field(description="The address; it, or a part of it, may be a variable.")
    secret: Annotated[str, StringConstraints(min_length=1)] | None = Field(
        default=None, description="What each message is signed with, such as `${HOOK_SECRET}`."
    )
    format: Literal["comporta", "cdevents"] = Field(
        default="comporta",
        description="What the JSON looks like: our own facts, or CDEvents in a CloudEvents envelope.",
    )
    events: list[EventName] = EVENTS
    timeout: PositiveDuration = Field(default=10.0, description="How long one delivery may take.")


class Hook(Part):
    """A command that is run, without a shell, with the facts in its environment. Tried once."""

    run: Annotated[list[str], Field(min_length=1)] = Field(description="The words of the command.")
    events: list[EventName] = EVENTS
    timeout: PositiveDuration = Field(default=60.0, description="How long it may take before it is stopped.")


class Apprise(Part):
    """Anybody that Apprise knows (an extra: `pip install 'comporta[alerts]'`)."""

    apprise: Line = Field(description="Its address in Apprise's form: `slack://…`, `mailtos://…`. May hold variables.")
    events: list[EventName] = EVENTS
    timeout: PositiveDuration = Field(default=30.0, description="How long one delivery may take.")


def _kind_of_receiver(receiver: Any) -> str:
    keys = receiver if isinstance(receiver, dict) else {}
    return "<Hook>" if "run" in keys else "<Apprise>" if "apprise" in keys else "<Webhook>"


AnyReceiver = Annotated[
    Annotated[Webhook, Tag("<Webhook>")] | Annotated[Hook, Tag("<Hook>")] | Annotated[Apprise, Tag("<Apprise>")],
    Discriminator(_kind_of_receiver),
]
