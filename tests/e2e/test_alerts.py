"""Messages about real deployments, to a real web server, a real mail server and real programs."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.http_server import Scripted, scripted_server
from support.mail_server import mail_server
from support.site import Site, User, site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

KEY = "s3cret-key-of-the-hook"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """1.0.0 serves, and nobody is told anything."""
    with site(tmp_path_factory.mktemp("shop"), health_timeout="3s") as made:
        made.add_release("2.0.0-sick", how="sick")
        made.add_release("2.0.0-failing", how="failing")
        made.comporta("deploy", "1.0.0", "--yes")
        yield made


@pytest.fixture
def old(shop: Site) -> Iterator[Site]:
    """1.0.0 serves; whatever delivers messages is gone at the end, also where it waits for nobody."""
    if shop.live() != "1.0.0":
        shop.comporta("deploy", "1.0.0", "--yes")
    yield shop
    shop.write_config()
    end(shop.couriers(), signal.SIGTERM)
    (shop.folder / ".comporta/deliveries.db").unlink(missing_ok=True)


def end(couriers: list[psutil.Process], how: signal.Signals) -> None:
    for courier in couriers:
        with suppress(psutil.NoSuchProcess):  # those that had nothing to do end by themselves
            courier.send_signal(how)
            courier.wait(30)


def tell(shop: Site, *receivers: str) -> None:
    """Give the config these receivers."""
    shop.write_config()
    config = shop.folder / "comporta.yml"
    config.write_text(config.read_text() + "alerts:\n" + "".join(f"  - {{{each}}}\n" for each in receivers))


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@dataclass
class Hook:
    """A web server that got messages, with the signature of each checked."""

    script: Scripted

    @property
    def url(self) -> str:
        return f"http://{self.script.address}/"

    @property
    def messages(self) -> list[dict[str, Any]]:
        got = []
        for _, _, headers, body in list(self.script.seen):
            signed = f"{headers['X-Comporta-Timestamp']}.".encode() + body
            wanted = hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()
            assert headers["X-Comporta-Signature"] == f"sha256={wanted}"
            got.append(json.loads(body))
        return got

    @property
    def events(self) -> list[str]:
        return [message["event"] for message in self.messages]


@contextmanager
def hook() -> Iterator[Hook]:
    with scripted_server(Scripted()) as script:
        yield Hook(script)


def settled(shop: Site) -> None:
    """Nobody delivers any more: all that there was to tell is told."""
    until(lambda: not shop.couriers())


def test_each_end_of_a_deployment_is_told_once_with_the_facts(old: Site) -> None:
    with hook() as receiver, User(old.port):
        tell(old, f'webhook: "{receiver.url}", secret: {KEY}')
        old.comporta("deploy", "1.1.0", "--yes", "--reason", "new colours")
        old.comporta("rollback", "--yes")
        old.comporta("deploy", "2.0.0-sick", "--yes", expect=1)
        old.comporta("deploy", "2.0.0-failing", "--yes", expect=1)
        settled(old)
        messages = receiver.messages
    ends = [m for m in messages if m["event"] != "started"]
    assert [(m["event"], m["outcome"], m["version"]) for m in ends] == [
        ("promoted", "promoted", "1.1.0"),
        ("rolled-back", "promoted", "1.0.0"),
        ("aborted", "aborted", "2.0.0-sick"),
        ("rolled-back", "rolled-back", "2.0.0-failing"),
    ]
    assert len(messages) == 8
    assert len({m["id"] for m in messages}) == 8
    promoted, _, aborted, undone = ends
    assert (promoted["reason"], promoted["replaces"], promoted["strategy"]) == ("new colours", "1.0.0", "blue-green")
    assert (promoted["lost"], promoted["cause"]) == (0, "")
    assert promoted["requests"] > 0
    assert promoted["seconds"] > 0
    assert "check 'api'" in aborted["cause"]
    assert aborted["title"] == "shop development: 2.0.0-sick was not deployed, 1.0.0 serves"
    assert undone["seconds"] > 0
    # Each tells the hash of its record: what was seen outside proves that the journal still begins as it did.
    assert old.comporta("audit", "verify", "--head", undone["hash"])


def test_an_incident_is_told_once_and_so_is_its_end(old: Site) -> None:
    (link,) = (old.folder / ".comporta/development/nginx").rglob("live")
    with hook() as receiver:
        tell(old, f'webhook: "{receiver.url}", secret: {KEY}, events: [deploy-failed]')
        old.killed_at("do:watch-traffic:after-intent", "deploy", "1.1.0", "--yes")
        target = os.readlink(link)
        link.unlink()
        old.comporta("abort", expect=3)
        settled(old)
        assert receiver.events == ["incident"]
        [incident] = receiver.messages
        assert incident["severity"] == "critical"
        assert f"comporta abort {incident['deployment']}" in incident["next"]
        link.symlink_to(target)
        old.comporta("abort", str(incident["deployment"]), "--reason", "put right")
        settled(old)
        assert receiver.events == ["incident", "rolled-back"]
    assert old.answers() == "1.0.0"


@pytest.mark.parametrize(("settle", "end"), [("resume", "promoted"), ("abort", "rolled-back")])
def test_a_deployment_that_was_killed_is_told_once_when_it_is_settled(old: Site, settle: str, end: str) -> None:
    with hook() as receiver:
        tell(old, f'webhook: "{receiver.url}", secret: {KEY}')
        old.killed_at("do:watch-traffic:after-intent", "deploy", "1.1.0", "--yes")
        old.comporta(settle, *(["--yes"] if settle == "resume" else []))
        settled(old)
        assert receiver.events == ["started", end]


def test_a_deliverer_that_is_killed_sends_nothing_twice_and_loses_nothing(old: Site) -> None:
    with hook() as receiver:
        tell(old, f'webhook: "{receiver.url}", secret: {KEY}')
        receiver.script.status = 503
        old.comporta("deploy", "1.1.0", "--yes")
        until(lambda: "promoted" in receiver.events)
        end(old.couriers(), signal.SIGKILL)
        receiver.script.seen.clear()
        receiver.script.status = 200
        old.comporta("alerts", "deliver")
        assert sorted(receiver.events) == ["promoted", "started"]
        old.comporta("alerts", "deliver")
        assert len(receiver.events) == 2


def test_a_message_is_sent_again_until_it_arrives_and_status_tells_so_meanwhile(old: Site) -> None:
    with hook() as receiver:
        tell(old, f'webhook: "{receiver.url}", secret: {KEY}, events: [promoted]')
        receiver.script.status = 503
        old.comporta("deploy", "1.1.0", "--yes")
        until(lambda: len(receiver.messages) >= 2)
        waiting = old.comporta("status").stdout
        assert f"1 message to webhook {receiver.script.address} waiting for another try: " in waiting
        assert "status 503" in waiting
        assert old.json("status")["undelivered"]["waiting"][0]["message"]["event"] == "promoted"
        doctor = old.comporta("doctor", expect=1).stdout
        assert "waiting for another try" in doctor
        receiver.script.status = 204
        settled(old)
        assert len({m["id"] for m in receiver.messages}) == 1
        assert "another try" not in old.comporta("status").stdout
        tries = len(receiver.messages)
        old.comporta("alerts", "deliver")
        assert len(receiver.messages) == tries


def test_a_receiver_that_never_answers_delays_nothing(old: Site) -> None:
    """Whoever waited for it would wait for ten minutes."""
    with socket.create_server(("127.0.0.1", 0)) as hanging, hook() as receiver:
        address = f"http://127.0.0.1:{hanging.getsockname()[1]}/"
        hang = '"import time; time.sleep(600)"'
        tell(
            old,
            f'webhook: "{address}", timeout: 10m',
            f"run: [python3, -c, {hang}], timeout: 10m",
            f'webhook: "{receiver.url}", secret: {KEY}',
        )
        done = old.comporta("deploy", "1.1.0", "--yes")
        assert "promoted: 1.1.0" in done.stdout
        until(lambda: receiver.events == ["started", "promoted"])
        assert old.couriers(), "the one that never answers is being waited for still, by nobody else"
        old.comporta("rollback", "--yes")
        until(lambda: receiver.events == ["started", "promoted", "started", "rolled-back"])


def test_alerts_that_cannot_work_hinder_no_deployment_and_doctor_tells_them(old: Site) -> None:
    tell(old, 'apprise: "nonsense://x"', 'webhook: "https://hooks.example/${NOWHERE}"', "run: [./nowhere.sh]")
    (old.folder / ".comporta/deliveries.db").mkdir()
    try:
        assert "promoted" in old.comporta("deploy", "1.1.0", "--yes").stdout
        assert "cannot use the outbox" in old.comporta("status").stdout
    finally:
        settled(old)
        (old.folder / ".comporta/deliveries.db").rmdir()
    told = old.comporta("doctor", expect=1).stdout
    assert "webhook hooks.example: cannot fill in ${NOWHERE}" in told
    tested = old.json("alerts", "test", expect=1)
    assert [result["ok"] for result in tested] == [False, False, False]
    assert "cannot run ./nowhere.sh" in tested[2]["error"]


def test_a_letter_about_a_deployment_arrives(old: Site) -> None:
    with mail_server() as mailbox:
        tell(
            old, f'apprise: "mailto://127.0.0.1:{mailbox.port}?from=a@example.com&to=b@example.com", events: [promoted]'
        )
        old.comporta("deploy", "1.1.0", "--yes", "--reason", "new colours")
        settled(old)
    [letter] = mailbox.letters
    assert letter["Subject"] == "shop development: 1.1.0 is live"
    body = letter.get_body()
    assert body is not None
    assert ": new colours" in body.get_content()


def test_a_hook_runs_once_for_a_deployment_that_failed(old: Site) -> None:
    script = old.folder / "failed.sh"
    script.write_text(
        '#!/bin/sh\necho "$COMPORTA_EVENT $COMPORTA_VERSION $COMPORTA_ENVIRONMENT" >> failed.txt\nexit 1\n'
    )
    script.chmod(0o755)
    tell(old, "run: [./failed.sh], events: [deploy-failed]")
    old.comporta("deploy", "1.1.0", "--yes")
    old.comporta("deploy", "2.0.0-sick", "--yes", expect=1)
    settled(old)
    assert (old.folder / "failed.txt").read_text() == "aborted 2.0.0-sick development\n"
    assert "1 message to run ./failed.sh given up in the last day: exit code 1" in old.comporta("status").stdout


def test_secrets_are_in_nothing_that_is_written_or_said(old: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "t0ken-that-nobody-may-read"
    monkeypatch.setenv("TOKEN", secret)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"127.0.0.1:{closed.getsockname()[1]}"
    tell(
        old,
        f'webhook: "http://user:${{TOKEN}}@{nobody}/${{TOKEN}}", secret: "${{TOKEN}}"',
        'run: [sh, -c, "echo it is $0; exit 3", "${TOKEN}"]',
        'apprise: "nonsense://${TOKEN}"',
    )
    old.comporta("deploy", "1.1.0", "--yes")
    until(lambda: len(old.json("status")["undelivered"]["waiting"]) >= 4)
    said = "".join(
        done.stdout + done.stderr
        for done in (
            old.comporta("status"),
            old.comporta("status", "--json"),
            old.comporta("doctor", expect=None),
            old.comporta("alerts", "test", expect=1),
        )
    )
    assert "it is ***" in said
    assert secret not in said
    files = [path for path in (old.folder / ".comporta").iterdir() if path.is_file()]
    assert {"alerts.log", "deliveries.db", "journal.db"} <= {path.name for path in files}
    assert [path.name for path in files if secret.encode() in path.read_bytes()] == []


def test_an_interrupted_deployment_whose_environment_is_taken_down_is_told_as_superseded(tmp_path: Path) -> None:
    with site(tmp_path) as shop, hook() as receiver:
        tell(shop, f'webhook: "{receiver.url}", secret: {KEY}')
        shop.killed_at("do:start-instances:after-intent", "deploy", "1.0.0", "--yes")
        shop.comporta("down", "--yes")
        settled(shop)
        assert receiver.events == ["started", "superseded"]
