"""A real SMTP server on the loopback that keeps what it gets."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from comporta.load.free_ports import free_ports


@dataclass
class Mailbox:
    """`letters` are what arrived, `logins` who came with which password. `refuses` answers every letter with a 554."""

    port: int
    refuses: bool = False
    letters: list[EmailMessage] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # the library's name
        if self.refuses:
            return "554 not here"
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(letter, EmailMessage), "made with the default policy"
        self.letters.append(letter)
        return "250 kept"

    def login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=True)


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    mailbox = Mailbox(free_ports(1))
    server = Controller(
        mailbox, hostname="127.0.0.1", port=mailbox.port, authenticator=mailbox.login, auth_require_tls=False
    )
    server.start()
    try:
        yield mailbox
    finally:
        server.stop()
