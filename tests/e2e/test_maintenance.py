"""Maintenance as operators use it: the command, on a real service behind a real nginx."""

from __future__ import annotations

import http.client
import shlex
import subprocess
import time
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest

from support.site import Site, User, site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("shop")) as made:
        made.comporta("deploy", "1.0.0", "--yes")
        yield made


@pytest.fixture
def open_shop(shop: Site) -> Iterator[Site]:
    """1.0.0 serves its users."""
    shop.comporta("maintenance", "off")
    if shop.live() != "1.0.0":
        shop.comporta("deploy", "1.0.0", "--yes")
    yield shop
    shop.stabilize = "200ms"
    shop.write_config()
    shop.comporta("maintenance", "off")


def get(shop: Site) -> tuple[int, Message, str]:
    connection = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=10)
    connection.request("GET", "/")
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, body


def with_maintenance(shop: Site, written: str) -> None:
    config = shop.folder / "comporta.yml"
    config.write_text(f"{config.read_text()}maintenance: {written}\n")


def test_a_release_is_deployed_behind_the_page_and_served_when_it_is_taken_down(open_shop: Site) -> None:
    said = open_shop.comporta("maintenance", "on", "--message", "back at <5 & more").stdout
    status, headers, body = get(open_shop)
    assert (status, headers["Retry-After"]) == (503, "60")
    assert "back at &lt;5 &amp; more" in body
    with User(open_shop.port) as user:
        done = open_shop.comporta("deploy", "1.1.0", "--yes").stdout
    assert set(user.failures) == {"GET 503 from ?", "POST 503 from ?"}
    assert "promoted: 1.1.0" in done
    assert "Users get the maintenance page still: `comporta maintenance off`" in done
    deployed = open_shop.json("history")[0]
    assert (deployed["version"], deployed["figures"]["requests"]) == ("1.1.0", 0)
    assert open_shop.json("health")["healthy"]
    curl = next(line for line in said.splitlines() if "curl" in line).partition(": ")[2]
    behind = subprocess.run([*shlex.split(curl), "-sS"], capture_output=True, text=True, timeout=30, check=True)
    assert '"version": "1.1.0"' in behind.stdout
    assert "get the service again" in open_shop.comporta("maintenance", "off").stdout
    assert open_shop.answers() == "1.1.0"
    assert "There was no maintenance page" in open_shop.comporta("maintenance", "off").stdout
    assert "maintenance page" not in open_shop.comporta("deploy", "1.0.0", "--yes").stdout


def test_status_says_that_the_page_is_up_since_when_by_whom_and_why(open_shop: Site) -> None:
    assert open_shop.json("status")["maintenance"] is None
    assert "maintenance" not in open_shop.comporta("status").stdout
    for message in ("moving house", "moving the cat"):
        up = open_shop.json("maintenance", "on", "-m", message)
    assert (up["replaced"], up["message"], list(up["bypass"])) == (True, "moving the cat", ["X-Comporta-Bypass"])
    seen = open_shop.json("status")["maintenance"]
    assert seen["message"] == "moving the cat"
    assert seen["since"].startswith("20")
    text = open_shop.comporta("status").stdout
    assert f"by {seen['actor']}: moving the cat" in text
    assert "`comporta maintenance off` takes" in text
    assert "`comporta maintenance off -c comporta.yml`" in open_shop.comporta("status", "-c", "comporta.yml").stdout
    assert open_shop.json("maintenance", "off") == {"maintenance": False, "was_up": True}
    assert open_shop.json("status")["maintenance"] is None


def test_the_page_is_put_up_while_a_deployment_is_under_way_and_outlives_its_undoing(open_shop: Site) -> None:
    open_shop.stabilize = "60s"
    open_shop.write_config()
    running = open_shop.start("deploy", "1.2.0", "--yes")
    deadline = time.monotonic() + 30
    while open_shop.answers() != "1.2.0":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    open_shop.comporta("maintenance", "on")
    assert open_shop.json("status")["lease"] is not None
    open_shop.comporta("abort")
    printed, _ = running.communicate(timeout=60)
    assert running.returncode == 1, printed
    assert "Users get the maintenance page still" in printed
    assert get(open_shop)[0] == 503
    open_shop.comporta("maintenance", "off")
    assert open_shop.answers() == "1.0.0"


def test_the_operators_own_page_has_the_message_in_it(open_shop: Site) -> None:
    (open_shop.folder / "closed.html").write_text("<p>Fechado: {message}</p>", encoding="utf-8")
    (open_shop.folder / "other.html").write_text("\ufeff<p>outra: {curly} é</p>", encoding="utf-8")
    with_maintenance(open_shop, "{page: closed.html}")
    for words, page in (
        (("-m", "já <volto>"), "<p>Fechado: já &lt;volto&gt;</p>"),
        ((), "<p>Fechado: </p>"),
        (("--page", "other.html"), "<p>outra: {curly} é</p>"),
    ):
        open_shop.comporta("maintenance", "on", *words)
        assert get(open_shop)[2] == page


def test_a_page_that_is_not_there_is_told_before_anything_changes_and_by_doctor(open_shop: Site) -> None:
    with_maintenance(open_shop, "{page: lost.html}")
    refused = open_shop.comporta("maintenance", "on", expect=2)
    assert "cannot read the maintenance page" in refused.stderr
    assert "`--page FILE`" in refused.stderr
    assert "lost.html" in open_shop.comporta("doctor", expect=None).stdout
    assert get(open_shop)[0] == 200


def test_where_nothing_serves_there_is_no_page_either(tmp_path: Path) -> None:
    with site(tmp_path) as empty:
        for verb in ("on", "off"):
            refused = empty.comporta("maintenance", verb, "-e", "development", "-c", "comporta.yml", expect=1)
            assert "nginx does not run" in refused.stderr
            assert "`comporta deploy -c comporta.yml`" in refused.stderr
        assert empty.json("status")["maintenance"] is None


def test_taking_an_environment_down_takes_its_page_away(tmp_path: Path) -> None:
    with site(tmp_path) as short_lived:
        short_lived.comporta("deploy", "1.0.0", "--yes")
        short_lived.comporta("maintenance", "on")
        short_lived.comporta("down", "--yes")
        short_lived.comporta("deploy", "1.0.0", "--yes")
        assert get(short_lived)[0] == 200
        assert short_lived.json("status")["maintenance"] is None
