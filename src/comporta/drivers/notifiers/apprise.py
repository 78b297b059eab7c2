"""Everybody that Apprise knows: Slack, Teams, Telegram, e-mail and a hundred more."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from comporta.model.errors import NotifyFailure
from comporta.model.messages import Message
from comporta.ports.secrets import Secrets

INSTALL = "pip install 'comporta[alerts]'"
KINDS = {"info": "info", "warning": "warning", "critical": "failure"}
"""Severity → how Apprise calls it."""
HEARD: ContextVar[list[str] | None] = ContextVar("heard", default=None)
"""What Apprise complains about in one delivery: it tells why it failed in its log only, perhaps in another thread."""


class Apprise:
    """Implements the Notifier port.

    Args:
        url: in Apprise's own form, such as `slack://…` or `mailtos://…`; may hold `${NAME}`.
        timeout: seconds to wait for it; Apprise itself goes on in its thread until its own limits.
    """

    def __init__(self, url: str, timeout: float, secrets: Secrets) -> None:
        self._url = url
        self._timeout = timeout
        self._secrets = secrets

    async def send(self, message: Message) -> None:
        import anyio

        if problem := missing():
            raise NotifyFailure(problem, next=INSTALL)
        url = self._secrets.fill(self._url)
        try:
            with anyio.fail_after(self._timeout):
                failed = await anyio.to_thread.run_sync(_notify, url, message, abandon_on_cancel=True)
        except TimeoutError:
            raise NotifyFailure(f"it did not take the message within {self._timeout:g} s") from None
        if failed:
            raise NotifyFailure(failed)


def missing() -> str:
    """Why nothing can be sent this way; empty if it can."""
    return "" if importlib.util.find_spec("apprise") else f"the library apprise is not installed: {INSTALL}"


def _notify(url: str, message: Message) -> str:
    """Why it failed; empty if it did not. Blocks."""
    import apprise

    asset = apprise.AppriseAsset(app_id="comporta", app_desc="comporta", app_url="", async_mode=False)
    found = apprise.Apprise(asset=asset)
    if not found.add(url):
        return "it is no address that Apprise knows"
    kind = apprise.NotifyType(KINDS.get(message.severity, "warning"))
    with _complaints() as said:
        sent = found.notify(title=message.title, body=message.text or message.title, notify_type=kind)
    return "" if sent else " | ".join(said) or "Apprise does not say why"


@contextmanager
def _complaints() -> Iterator[list[str]]:
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if HEARD.get() is said:
                said.append(record.getMessage())

    listener, log, before = Listener(logging.WARNING), logging.getLogger("apprise"), HEARD.set(said)
    log.addHandler(listener)
    try:
        yield said
    finally:
        log.removeHandler(listener)
        HEARD.reset(before)
