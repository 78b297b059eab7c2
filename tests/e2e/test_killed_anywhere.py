"""The command, killed with SIGKILL at every step of a blue-green deployment, while users go on asking.

Whatever comes then, `resume` or `abort`: one release serves, nothing is left over, and no request was lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from comporta.engine.events import Moment
from support.site import INSTANCES, Site, User, site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STEPS = (
    "configure-router",
    "start-instances",
    "check-health",
    "smoke-test",
    "confirm",
    "shift-traffic",
    "watch-traffic",
    "check-service",
    "drain-slot",
    "keep-warm",
    "prove-live",
)
MOMENTS = (Moment.AFTER_INTENT, Moment.AFTER_EFFECT)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("shop")) as made:
        made.comporta("deploy", "1.0.0", "--yes")
        made.comporta("deploy", "1.1.0", "--yes")
        yield made


def other(version: str | None) -> str:
    return "1.0.0" if version == "1.1.0" else "1.1.0"


def check(shop: Site, serves: str) -> None:
    assert (shop.live(), shop.answers()) == (serves, serves)
    assert shop.running()[serves] == INSTANCES
    assert set(shop.running()) <= {"1.0.0", "1.1.0"}
    assert all(count == INSTANCES for count in shop.running().values())
    assert shop.json("status")["lease"] is None


def test_every_step_of_the_plan_is_covered(shop: Site) -> None:
    plan = shop.json("plan", other(shop.live()))
    assert tuple(step["type"] for step in plan["plan"]["steps"]) == STEPS


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("settle", ["resume", "abort"])
def test_killed(shop: Site, step: str, moment: Moment, settle: str) -> None:
    before = shop.live()
    assert before
    after = other(before)
    with User(shop.port) as user:
        shop.killed_at(f"do:{step}:{moment.value}", "deploy", after, "--yes")
        status = shop.comporta("status")
        assert "interrupted" in status.stdout
        assert "comporta resume" in status.stdout
        done = shop.comporta(settle, *(["--yes"] if settle == "resume" else []), expect=None)
    assert "took over the lease" in done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    check(shop, after if settle == "resume" else before)
    assert user.failures == []
    assert set(user.answers) <= {before, after}


@pytest.mark.parametrize(("moment", "settle"), [*zip(MOMENTS, ["abort", "resume"], strict=True)])
@pytest.mark.parametrize("step", ["shift-traffic", "judge-traffic", "scale-instances", "watch-traffic"])
def test_killed_in_a_canary(shop: Site, step: str, moment: Moment, settle: str) -> None:
    killed_in_a_canary(shop, f"do:{step}:{moment.value}", settle)


def test_killed_in_a_canary_behind_haproxy(tmp_path: Path) -> None:
    with site(tmp_path, router="haproxy", keep_failed="0s") as shop:
        shop.comporta("deploy", "1.0.0", "--yes")
        killed_in_a_canary(shop, "do:judge-traffic:after-intent", "abort")


def killed_in_a_canary(shop: Site, place: str, settle: str) -> None:
    """The split goes on being served, what was measured is not lost, and no traffic is counted twice."""
    before = shop.live()
    assert before
    after = other(before)
    with User(shop.port) as user:
        shop.killed_at(place, "deploy", after, "--yes", "--strategy", "canary")
        done = shop.comporta(settle, *(["--yes"] if settle == "resume" else []), expect=None)
    assert done.returncode == 0, done.stdout + done.stderr
    check(shop, after if settle == "resume" else before)
    assert user.failures == []
    number = shop.json("history", "-n", "1")[0]["deployment"]
    ends = [judged["at"] for judged in shop.judged(number)]
    assert ends == sorted(set(ends))


@pytest.mark.parametrize("step", ["shift-traffic", "start-instances", "check-health"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_while_undoing(shop: Site, step: str, moment: Moment) -> None:
    before = shop.live()
    assert before
    with User(shop.port) as user:
        shop.killed_at("do:watch-traffic:after-effect", "deploy", other(before), "--yes")
        shop.killed_at(f"undo:{step}:{moment.value}", "abort")
        done = shop.comporta("resume", expect=1)
    assert "rolled-back" in done.stdout
    check(shop, before)
    assert user.failures == []


def test_killed_in_the_very_first_deployment(tmp_path: Path) -> None:
    with site(tmp_path) as shop:
        shop.killed_at("do:start-instances:after-effect", "deploy", "1.0.0", "--yes")
        assert "kept: 1.0.0" in shop.comporta("abort", expect=None).stderr
        assert shop.running() == {"1.0.0": INSTANCES}
        assert shop.live() is None
        shop.killed_at("do:shift-traffic:after-intent", "deploy", "1.0.0", "--yes")
        shop.comporta("resume", "--yes")
        assert shop.answers() == "1.0.0"
