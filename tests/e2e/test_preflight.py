"""`comporta preflight`, and what `comporta deploy` makes of it, on projects of several kinds."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.advisories import advisories
from support.projects import PROJECTS, Workplace, wheel
from support.site import Site, site

pytestmark = pytest.mark.slow

OWN = ["machine", "disk", "router", "way back", "freeze", "canary"]
Break = Callable[[Site], None]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as made:
        yield made


def configure(shop: Site, **preflight: object) -> None:
    """As JSON, which is YAML too."""
    shop.write_config()
    with (shop.folder / "comporta.yml").open("a") as config:
        config.write(f"preflight: {json.dumps(preflight)}\n")


def ask(shop: Site, *words: str, version: str = "1.1.0") -> dict[str, dict[str, Any]]:
    """Each gate by its name."""
    done = shop.comporta("preflight", version, "--json", *words, expect=None)
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["ok"] else 1)
    return {gate["name"]: gate for gate in told["gates"]}


def failed(gates: dict[str, dict[str, Any]]) -> list[str]:
    return [name for name, gate in gates.items() if gate["state"] == "failed"]


def gate(name: str, code: str, **more: object) -> dict[str, object]:
    return {"name": name, "run": ["{python}", "-c", code], **more}


def write(shop: Site, **files: str) -> None:
    for name, text in files.items():
        (shop.folder / name.replace("__", ".")).write_text(text)


# Projects of several kinds


@pytest.mark.parametrize("kind", PROJECTS)
def test_each_gate_of_a_project_fails_in_turn_and_is_named_while_all_others_are_asked(
    shop: Site, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trivy and osv-scanner are stand-ins (`support.projects`); everything else is the real program."""
    if kind == "docker" and not has_docker():
        pytest.skip("no Docker Engine")
    project, place = PROJECTS[kind], Workplace(shop.folder, tmp_path / "tools")
    place.tools.mkdir()
    for name in ("wheel", "setuptools", "cart"):  # pip-audit installs the first two beside what is asked for
        wheel(place.tools, name)
    own = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{place.tools}:{own}:{os.environ['PATH']}")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(place.tools))
    with advisories(place.known, tmp_path / "npm") as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        for broken, (break_it, said) in project.breaks.items():
            project.make(place)
            break_it(place)
            # It makes an environment of its own, which takes seconds: it is asked where it matters.
            rest = [] if broken == "Python dependencies" or kind != "python" else [gate("Python dependencies", "")]
            configure(shop, presets="auto", gates=rest)
            found = ask(shop)
            after = {"image scan"} if broken == "image build" else set()
            passed = {*OWN, *project.breaks} - {broken} - after
            assert {name for name, one in found.items() if one["state"] == "passed"} == passed, found
            assert failed(found) == [broken]
            assert said in Path(found[broken]["log"]).read_text()


def has_docker() -> bool:
    return subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=120).returncode == 0


# What comporta asks by itself


def frozen(shop: Site) -> None:
    now = datetime.datetime.now(datetime.UTC)
    begins, ends = (now + datetime.timedelta(hours=hours) for hours in (-1, 1))
    configure(shop, freeze=[{"from": begins.isoformat(), "to": ends.isoformat(), "why": "sale"}])


def taken(shop: Site) -> None:
    """A port of the free slot belongs to somebody else."""
    lease = socket.create_server(("127.0.0.1", shop.port + 1 + 2 * shop.instances))
    shop.held = lease  # type: ignore[attr-defined]  # it must live as long as the test


@pytest.mark.parametrize(
    ("broken", "how", "why"),
    [
        ("machine", taken, "port"),
        ("disk", lambda shop: configure(shop, disk="900TiB"), "MiB wanted"),
        ("way back", lambda shop: shutil.rmtree(shop.folder / "releases/1.0.0"), "1.0.0"),
        ("freeze", frozen, "sale"),
    ],
)
def test_each_of_its_own_gates_can_fail(shop: Site, broken: str, how: Break, why: str) -> None:
    shop.comporta("deploy", "1.0.0", "--yes")
    how(shop)
    gates = ask(shop)
    assert failed(gates) == [broken]
    assert why in gates[broken]["text"]
    assert gates[broken]["next"]


# How they are asked


def test_they_are_asked_at_the_same_time(shop: Site) -> None:
    """Each waits for the other: one after the other, they would never end."""
    code = (
        "import pathlib, sys, time\npathlib.Path(sys.argv[1]).touch()\n"
        "while not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.01)"
    )
    one, two = gate("one", code, timeout="20s"), gate("two", code, timeout="20s")
    one["run"] = ["{python}", "-c", code, "one", "two"]
    two["run"] = ["{python}", "-c", code, "two", "one"]
    configure(shop, gates=[one, two])
    assert failed(ask(shop)) == []


def test_one_that_does_not_end_is_ended_with_all_that_it_started(shop: Site) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    configure(shop, gates=[gate("slow", code, timeout="500ms"), gate("quick", "print('done')")])
    gates = ask(shop)
    assert failed(gates) == ["slow"]
    assert gates["slow"]["text"] == "did not end within 0.5 s"
    deadline = time.monotonic() + 10
    while shop.leftovers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert shop.leftovers() == []


def test_one_that_needs_something_is_skipped_without_it(shop: Site) -> None:
    gates = [
        gate("build", "raise SystemExit(3)"),
        gate("scan", "", after="build"),
        gate("audit", "", needs="no-such-program"),
    ]
    configure(shop, gates=gates)
    found = ask(shop)
    assert failed(found) == ["build"]
    assert (found["scan"]["state"], found["scan"]["text"]) == ("skipped", "build failed")
    assert (found["audit"]["state"], found["audit"]["text"]) == ("skipped", "no-such-program is not installed")


@pytest.mark.parametrize(
    ("preflight", "why"),
    [
        ({"gates": [gate("disk", "")]}, "cannot ask a gate called disk"),
        ({"gates": [gate("a", "", after="b"), gate("b", "")]}, 'no gate above "a" is called "b"'),
        ({"gates": [gate("a", ""), gate("a", "")]}, "is the name of another gate"),
        ({"freeze": [{"from": "2026-01-02T00:00Z", "to": "2026-01-01T00:00Z", "why": "x"}]}, "ends before it begins"),
    ],
)
def test_what_could_not_be_asked_is_refused(shop: Site, preflight: dict[str, Any], why: str) -> None:
    configure(shop, **preflight)
    assert why in shop.comporta("preflight", "1.0.0", expect=2).stderr


def test_no_secret_is_kept_of_what_a_command_says(shop: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hush-hush")
    tell = gate("tell", "")
    tell["run"] = ["{python}", "-c", "import sys; sys.exit(sys.argv[1])", "${TOKEN}"]
    configure(shop, gates=[tell])
    found = ask(shop)["tell"]
    assert found["details"] == ["***"]
    assert "hush" not in Path(found["log"]).read_text()


def test_what_passed_is_not_asked_again_while_its_inputs_are_the_same(shop: Site) -> None:
    configure(shop, gates=[gate("count", "open('.comporta/asked', 'a').write('x')")])
    (shop.folder / ".comporta").mkdir()
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@shop.example"]

    def commit() -> None:
        for words in (["add", "comporta.yml", "releases"], ["commit", "--quiet", "--allow-empty", "-m", "x"]):
            subprocess.run([*git, *words], cwd=shop.folder, check=True)

    def asked() -> int:
        ask(shop)
        return len((shop.folder / ".comporta/asked").read_text())

    assert [asked(), asked()] == [1, 2], "without git nobody knows what changed"
    subprocess.run(["git", "init", "--quiet"], cwd=shop.folder, check=True)
    commit()
    assert [asked(), asked()] == [3, 3]
    assert ask(shop)["count"]["cached"]
    assert not ask(shop, "--no-cache")["count"].get("cached")
    write(shop, more__txt="not committed")
    assert asked() == 5
    (shop.folder / "more.txt").unlink()
    assert asked() == 5
    write(shop, comporta__yml=(shop.folder / "comporta.yml").read_text() + "# changed\n")
    commit()
    assert asked() == 6


# What a deployment makes of them


def test_a_deployment_is_refused_and_nothing_is_begun(shop: Site) -> None:
    shop.comporta("deploy", "1.0.0", "--yes")
    configure(shop, gates=[gate("unit tests", "print('2 of 3 passed'); raise SystemExit(1)"), gate("lint", "")])
    refused = shop.comporta("deploy", "1.1.0", "--yes", expect=1)
    assert "failed: unit tests\n" in refused.stderr
    assert "2 of 3 passed" in refused.stderr
    assert shop.live() == "1.0.0"
    assert [made["version"] for made in shop.json("history")] == ["1.0.0"]


def test_a_rollback_gets_through_while_they_are_asked(shop: Site) -> None:
    for version in ("1.0.0", "1.1.0"):
        shop.comporta("deploy", version, "--yes")
    code = (
        "import pathlib, time\npathlib.Path('asked').touch()\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)"
    )
    configure(shop, gates=[gate("slow", code)])
    deploying = shop.start("deploy", "1.2.0", "--yes")
    while not (shop.folder / "asked").exists():
        assert deploying.poll() is None
        time.sleep(0.02)
    shop.comporta("rollback", "--yes")
    assert shop.live() == "1.0.0"
    write(shop, go="")
    assert deploying.wait() == 0, deploying.communicate()
    assert shop.live() == "1.2.0"


def test_what_they_said_is_kept_with_the_deployment(shop: Site) -> None:
    configure(shop, gates=[gate("unit tests", "")])
    shop.comporta("deploy", "1.0.0", "--yes")
    names = [found["name"] for found in shop.json("show", "1")["preflight"]["gates"]]
    assert names == [*OWN, "unit tests"]
    assert "preflight: 7/7 passed\n" in shop.comporta("show", "1").stdout


def test_they_are_skipped_on_somebodys_word_only(shop: Site) -> None:
    configure(shop, gates=[gate("unit tests", "raise SystemExit(1)")])
    assert "nobody says why" in shop.comporta("deploy", "1.0.0", "--yes", "--skip-preflight", expect=2).stderr
    shop.comporta("deploy", "1.0.0", "--yes", "--skip-preflight", "--reason", "fire")
    told = shop.json("show", "1")
    assert told["preflight"] == {"skipped": True, "actor": told["actor"], "reason": "fire"}
    assert "skipped by" in shop.comporta("show", "1").stdout


def test_in_an_emergency_and_on_the_way_back_nobody_asks(shop: Site) -> None:
    for version in ("1.0.0", "1.1.0"):
        shop.comporta("deploy", version, "--yes")
    configure(shop, gates=[gate("unit tests", "raise SystemExit(1)")])
    shop.comporta("rollback", "--yes")
    assert shop.live() == "1.0.0"
    shop.comporta("deploy", "1.2.0", "--yes", "--strategy", "emergency")
    assert shop.live() == "1.2.0"
    configure(shop, gates=[gate("unit tests", "raise SystemExit(1)")], before_deploy=False)
    shop.comporta("deploy", "1.1.0", "--yes")
    assert shop.live() == "1.1.0"
