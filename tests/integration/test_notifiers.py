"""Receivers as they are in the world: a web server, a mail server, a program."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
import time
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from comporta.drivers.env_secrets import EnvSecrets
from comporta.drivers.notifiers.apprise import Apprise
from comporta.drivers.notifiers.command import Command
from comporta.drivers.notifiers.receivers import diagnose, label, receiver
from comporta.drivers.notifiers.webhook import Webhook, signature
from comporta.model.errors import NotifyFailure
from comporta.model.messages import Event, Message
from comporta.model.spec import ReceiverSpec
from comporta.testing.outbox_contract import MESSAGE
from support.http_server import Scripted, scripted_server
from support.mail_server import mail_server
from support.specs import spec

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs" / "alerts.md"
SECRETS = EnvSecrets(None, {"KEY": "s3cret-key", "PASSWORD": "hunter22", "HOOK": "from-the-environment"})


def webhook(url: str, secret: str = "", timeout: float = 5.0) -> Webhook:
    return Webhook(url, secret, timeout, SECRETS)


class TestWebhook:
    async def test_the_facts_arrive_signed_so_that_the_receiver_can_tell_who_sent_them_and_when(self) -> None:
        with scripted_server(Scripted(status=204, body=b"")) as server:
            await webhook(f"http://{server.address}/hooks/${{HOOK}}", "${KEY}").send(MESSAGE)
        [(method, path, headers, body)] = server.seen
        assert (method, path) == ("POST", "/hooks/from-the-environment")
        assert json.loads(body) == msgspec.to_builtins(MESSAGE)
        assert headers["X-Comporta-Id"] == MESSAGE.id
        sent = headers["X-Comporta-Timestamp"]
        assert abs(time.time() - int(sent)) < 60
        wanted = hmac.new(b"s3cret-key", f"{sent}.".encode() + body, hashlib.sha256).hexdigest()
        assert headers["X-Comporta-Signature"] == f"sha256={wanted}"

    async def test_what_the_documentation_shows_tells_a_message_from_a_forged_or_an_old_one(self) -> None:
        with scripted_server(Scripted()) as server:
            await webhook(f"http://{server.address}/", "${KEY}").send(MESSAGE)
        [(_, _, headers, body)] = server.seen
        snippet = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
        assert snippet
        shown: dict[str, Any] = {}
        exec(snippet[1], shown)
        genuine = shown["is_from_comporta"]
        assert genuine(headers, body, "s3cret-key")
        assert not genuine(headers, body, "another")
        assert not genuine(headers, body + b" ", "s3cret-key")
        old = str(int(headers["X-Comporta-Timestamp"]) - 3600)
        signed = signature("s3cret-key", old, body)
        assert not genuine({"X-Comporta-Timestamp": old, "X-Comporta-Signature": signed}, body, "s3cret-key")

    async def test_without_a_secret_nothing_is_signed(self) -> None:
        with scripted_server(Scripted()) as server:
            await webhook(f"http://{server.address}/").send(MESSAGE)
        assert not {"X-Comporta-Signature", "X-Comporta-Timestamp"} & set(server.seen[0][2])

    @pytest.mark.parametrize("status", [400, 404, 500, 503])
    async def test_any_other_answer_is_a_failure(self, status: int) -> None:
        with scripted_server(Scripted(status=status)) as server, pytest.raises(NotifyFailure, match=f"status {status}"):
            await webhook(f"http://{server.address}/").send(MESSAGE)

    async def test_a_redirect_is_not_followed(self) -> None:
        with scripted_server(Scripted()) as elsewhere:
            away = {"Location": f"http://{elsewhere.address}/"}
            moved = Scripted(status=307, headers=away)
            with scripted_server(moved) as server, pytest.raises(NotifyFailure, match="status 307"):
                await webhook(f"http://{server.address}/").send(MESSAGE)
        assert elsewhere.seen == []

    async def test_one_that_takes_the_connection_and_never_answers_is_given_up_in_time(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"127.0.0.1:{server.getsockname()[1]}"
            with pytest.raises(NotifyFailure, match=r"did not answer within 0\.2 s"):
                await webhook(f"http://{address}/", timeout=0.2).send(MESSAGE)

    async def test_nobody_there_is_a_failure_that_says_so(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(NotifyFailure, match="connection refused"):
            await webhook(f"http://{address}/").send(MESSAGE)

    @pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/", "http://[::1/"])
    async def test_what_a_variable_holds_may_be_no_address(self, url: str) -> None:
        with pytest.raises(NotifyFailure):
            await webhook(url).send(MESSAGE)


def told(event: Event, **facts: Any) -> Message:
    return msgspec.structs.replace(MESSAGE, event=event, version="1.1.0+b7", service="my shop", **facts)


STANDARD = {
    "first": (told(Event.PROMOTED, outcome="promoted"), "service.deployed", "1.1.0%2Bb7"),
    "upgrade": (told(Event.PROMOTED, outcome="promoted", replaces="1.0.0"), "service.upgraded", "1.1.0%2Bb7"),
    "rollback": (told(Event.ROLLED_BACK, outcome="promoted", replaces="1.2.0"), "service.rolledback", "1.1.0%2Bb7"),
    "undone": (told(Event.ROLLED_BACK, outcome="rolled-back", replaces="1.0.0"), "service.rolledback", "1.0.0"),
    "undone, first": (told(Event.ROLLED_BACK, outcome="rolled-back"), "service.removed", None),
    "incident": (told(Event.INCIDENT, outcome="incident"), "incident.detected", None),
    "maintenance": (told(Event.MAINTENANCE_ON, deployment=None), "environment.modified", None),
}


CUSTOM = {*Event} - {message.event for message, _, _ in STANDARD.values()} - {Event.MAINTENANCE_OFF}


class TestCDEvents:
    """What the schemas of CDEvents 0.5.0 and CloudEvents 1.0 want; none of them allows anything beside."""

    async def sent(self, message: Message, secret: str = "") -> tuple[dict[str, str], dict[str, Any]]:
        with scripted_server(Scripted(status=202, body=b"")) as server:
            await Webhook(f"http://{server.address}/", secret, 5.0, SECRETS, "cdevents").send(message)
        [(method, _, headers, body)] = server.seen
        assert method == "POST"
        if secret:
            wanted = signature("s3cret-key", headers["X-Comporta-Timestamp"], body)
            assert headers["X-Comporta-Signature"] == wanted
        found: dict[str, Any] = json.loads(body)
        return headers, found

    @pytest.mark.parametrize(("message", "kind", "serves"), STANDARD.values(), ids=STANDARD)
    async def test_what_the_specification_has_a_name_for_is_told_by_it(
        self, message: Message, kind: str, serves: str | None
    ) -> None:
        _, envelope = await self.sent(message)
        event = well_formed(envelope, message)
        assert envelope["type"] == f"dev.cdevents.{kind}.0.3.0"
        content = event["subject"]["content"]
        assert content.get("artifactId") == (f"pkg:generic/my%20shop@{serves}" if serves else None)
        match kind.split("."):
            case ["service", predicate]:
                assert event["subject"]["id"] == "my shop"
                lacks = {"artifactId"} if predicate == "removed" else set()
                assert set(content) == {"environment", "artifactId"} - lacks
            case ["incident", _]:
                assert set(content) == {"description", "environment", "service"}
            case _:
                assert (event["subject"]["id"], content) == ("production", {"name": "production"})
        if "environment" in content:
            assert content["environment"] == {"id": "production", "source": envelope["source"]}

    @pytest.mark.parametrize("event", sorted(CUSTOM))
    async def test_everything_else_is_a_custom_event(self, event: Event) -> None:
        message = told(event)
        _, envelope = await self.sent(message)
        well_formed(envelope, message)
        custom = r"dev\.cdeventsx\.[a-zA-Z0-9]+-[a-zA-Z]+\.[a-zA-Z]+\.[0-9]\.[0-9]\.[0-9]"
        assert re.fullmatch(custom, envelope["type"])

    async def test_the_envelope_is_signed_with_the_rest(self) -> None:
        headers, envelope = await self.sent(STANDARD["upgrade"][0], "${KEY}")
        assert headers["Content-Type"] == "application/cloudevents+json; charset=UTF-8"
        assert envelope["data"]["context"]["chainId"] == "/comporta/my%20shop/production/3"


def well_formed(envelope: dict[str, Any], message: Message) -> dict[str, Any]:
    """The event in the envelope, after a look at everything that must be there."""
    names = {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"}
    assert set(envelope) == names
    event: dict[str, Any] = envelope["data"]
    context, subject = event["context"], event["subject"]
    assert set(event) == {"context", "subject", "customData", "customDataContentType"}
    required = {"specversion", "id", "source", "type", "timestamp"}
    assert required <= set(context) <= required | {"chainId"}
    assert set(subject) == {"id", "source", "content"}
    assert (envelope["specversion"], context["specversion"]) == ("1.0", "0.5.0")
    assert envelope["datacontenttype"] == "application/cdevents+json"
    pairs = [("id", "id"), ("source", "source"), ("type", "type"), ("time", "timestamp")]
    assert all(envelope[outer] == context[inner] for outer, inner in pairs)
    assert envelope["subject"] == subject["id"]
    assert (context["id"], context["timestamp"]) == (message.id, "1970-01-01T00:00:10.500Z")
    assert context["source"] == "/comporta/my%20shop/production"
    assert event["customData"] == msgspec.to_builtins(message)
    return event


class TestCommand:
    def command(self, folder: Path, script: str, timeout: float = 10.0) -> Command:
        program = folder / "notify.sh"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return Command(("./notify.sh", "${HOOK}", "; touch injected"), folder, timeout, SECRETS)

    async def test_the_facts_are_in_its_environment_and_on_its_input(self, tmp_path: Path) -> None:
        script = 'env -0 > told; cat > facts; printf "%s" "$1|$2" > words'
        await self.command(tmp_path, script).send(MESSAGE)
        told = dict(pair.split("=", 1) for pair in (tmp_path / "told").read_text().split("\0") if pair)
        facts = {name: told[f"COMPORTA_{name.upper()}"] for name in MESSAGE.facts()}
        assert facts["event"] == "aborted"
        assert facts["title"] == MESSAGE.title
        assert (facts["deployment"], facts["seconds"], facts["lost"]) == ("3", "1.25", "")
        assert json.loads((tmp_path / "facts").read_text()) == msgspec.to_builtins(MESSAGE)
        assert (tmp_path / "words").read_text() == "from-the-environment|; touch injected"
        assert not (tmp_path / "injected").exists()

    async def test_one_that_reads_nothing_is_fine(self, tmp_path: Path) -> None:
        await self.command(tmp_path, "exec 0<&-; exit 0").send(msgspec.structs.replace(MESSAGE, text="x" * 500_000))

    async def test_a_failure_tells_exit_code_and_last_lines(self, tmp_path: Path) -> None:
        with pytest.raises(NotifyFailure, match=r"exit code 3: no network \| giving up"):
            await self.command(tmp_path, "echo no network; echo giving up >&2; exit 3").send(MESSAGE)

    async def test_one_that_hangs_is_ended_with_all_it_started(self, tmp_path: Path) -> None:
        with pytest.raises(NotifyFailure, match="did not end within"):
            await self.command(tmp_path, "sleep 300 & echo $! > child; wait", timeout=1.0).send(MESSAGE)
        child = int((tmp_path / "child").read_text())
        # Its parent is gone too: whoever takes care of orphans sees it end.
        while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)

    async def test_one_that_is_not_there_is_a_failure(self, tmp_path: Path) -> None:
        with pytest.raises(NotifyFailure, match="cannot run"):
            await Command(("./nowhere",), tmp_path, 1.0, SECRETS).send(MESSAGE)


class TestApprise:
    async def test_a_letter_reaches_a_real_mail_server(self) -> None:
        with mail_server() as mailbox:
            url = f"mailto://ana:${{PASSWORD}}@127.0.0.1:{mailbox.port}?from=shop@example.com&to=ops@example.com"
            await Apprise(url, 20.0, SECRETS).send(MESSAGE)
        [letter] = mailbox.letters
        assert letter["Subject"] == MESSAGE.title
        assert "ops@example.com" in letter["To"]
        body = letter.get_body()
        assert body is not None
        assert MESSAGE.text in body.get_content()
        assert [password for _, password in mailbox.logins] == ["hunter22"]

    async def test_a_letter_that_is_refused_is_a_failure_that_says_why(self) -> None:
        with mail_server() as mailbox:
            mailbox.refuses = True
            url = f"mailto://127.0.0.1:{mailbox.port}?from=shop@example.com&to=ops@example.com"
            with pytest.raises(NotifyFailure, match=r'to "ops@example\.com" failed'):
                await Apprise(url, 20.0, SECRETS).send(MESSAGE)
        assert mailbox.letters == []

    async def test_an_address_of_no_service_is_a_failure(self) -> None:
        with pytest.raises(NotifyFailure, match="no address that Apprise knows"):
            await Apprise("nonsense://x", 5.0, SECRETS).send(MESSAGE)

    async def test_one_that_hangs_is_waited_for_no_longer_than_allowed(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"json://127.0.0.1:{server.getsockname()[1]}"
            with pytest.raises(NotifyFailure, match=r"within 0\.2 s"):
                await Apprise(url, 0.2, SECRETS).send(MESSAGE)


@pytest.mark.parametrize(
    ("kind", "target", "name"),
    [
        ("webhook", "https://user:pass@hooks.example.com/services/T0/B0/token", "webhook hooks.example.com"),
        ("webhook", "https://hooks.example.com:8443/x", "webhook hooks.example.com:8443"),
        ("webhook", "${HOOK_URL}", "webhook ${HOOK_URL}"),
        ("apprise", "mailtos://user:pass@example.com", "apprise mailtos"),
        ("run", "./notify.sh", "run ./notify.sh"),
    ],
)
def test_a_receiver_is_called_by_what_holds_no_secret(kind: str, target: str, name: str) -> None:
    assert label(ReceiverSpec(kind=kind, target=(target,))) == name


def test_a_receiver_keeps_its_key_as_long_as_the_config_says_the_same(tmp_path: Path) -> None:
    one = ReceiverSpec(kind="webhook", target=("https://a.example/",), events=("incident",))
    other = msgspec.structs.replace(one, events=("promoted",))
    keys = [receiver(each, tmp_path, SECRETS).key for each in (one, msgspec.structs.replace(one, timeout=3.0), other)]
    assert keys[0] == keys[1] != keys[2]
    twice = receiver(msgspec.structs.replace(one, format="cdevents"), tmp_path, SECRETS)
    assert twice.key not in keys, "one address may get both formats"


def test_doctor_tells_what_a_receiver_lacks() -> None:
    lacking = ReceiverSpec(kind="webhook", target=("https://a.example/${NOWHERE}",), secret="${KEY}")
    right = ReceiverSpec(kind="run", target=("true",))
    [finding] = diagnose(spec(alerts=(right, lacking)), SECRETS)
    assert not finding.ok
    assert "webhook a.example: cannot fill in ${NOWHERE}" in finding.text
