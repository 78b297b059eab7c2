"""`comporta validate` as operators use it: planted regressions are found, an honest release passes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.site import Site, site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

VALIDATE = """\
validate:
  after_promotion: {after_promotion}
  health: {{during: 500ms}}
  performance: {{during: 12s, path: /work, rate: 20/s}}
  features: {{checks: [{{name: read, path: /feature, timeout: 5s}}]}}
  load: {{during: 3s, path: /work, to: 60/s, within: 2s}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Site]:
    """1.0.0 serves; its work takes 30 ms."""
    with site(tmp_path, instances=1) as made:
        made.add_release("2.0.0", "takes 0.03")
        configure(made)
        made.comporta("deploy", "2.0.0", "--yes")
        yield made


def configure(shop: Site, *, after_promotion: bool = False) -> None:
    shop.write_config()
    config = shop.folder / "comporta.yml"
    config.write_text(config.read_text() + VALIDATE.format(after_promotion=str(after_promotion).lower()))


def deployed(shop: Site, how: str) -> None:
    shop.add_release("2.1.0", how)
    shop.comporta("deploy", "2.1.0", "--yes")


def test_an_honest_release_passes_all_four_phases(shop: Site) -> None:
    deployed(shop, "takes 0.03")
    found = shop.json("validate", "--users")
    assert [phase["name"] for phase in found["phases"]] == ["health", "performance", "features", "load"]
    assert (found["passed"], found["skipped"], found["release"]["version"]) == (True, {}, "2.1.0")
    assert found["phases"][1]["facts"]["latency"]["estimate"] < 1.5


def test_a_slower_release_is_found_and_rolled_back_with_the_phase_as_the_reason(shop: Site) -> None:
    deployed(shop, "takes 0.075")
    done = shop.comporta("validate", "--rollback", expect=1)
    assert "validation failed in phase performance" in done.stderr
    assert shop.live() == "2.0.0"
    assert shop.json("history")[0]["reason"] == "validation failed in phase performance"


def test_less_throughput_at_the_same_latency_is_found(shop: Site) -> None:
    deployed(shop, "alone 0.03")
    found = shop.json("validate", "--phase", "performance", expect=1)
    assert "throughput" in found["phases"][0]["details"][1]
    assert shop.live() == "2.1.0"


def test_a_broken_feature_is_found(shop: Site) -> None:
    deployed(shop, "failing")
    found = shop.json("validate", "--phase", "features", expect=1)
    assert found["phases"][0]["error"] == "validation failed in phase features: 'read' failed on green-1"


def test_a_collapse_under_load_is_found_but_users_are_spared_unless_asked_for(shop: Site) -> None:
    deployed(shop, "alone 0.1")
    spared = shop.json("validate", "--phase", "load")
    assert (spared["phases"], list(spared["skipped"])) == ([], ["load"])
    found = shop.json("validate", "--phase", "load", "--users", expect=1)
    assert "wanted 60" in found["phases"][0]["error"]


def test_without_the_release_before_its_stored_baseline_is_compared(shop: Site) -> None:
    first = shop.json("validate", "--phase", "performance")
    assert "nothing to compare with" in first["phases"][0]["facts"]["compared"]
    shop.keep_warm = "0s"
    configure(shop)
    deployed(shop, "takes 0.09")
    found = shop.json("validate", "--phase", "performance", expect=1)
    assert "slower than the one before" in found["phases"][0]["error"]


def test_a_deployment_that_validates_turns_back_when_a_phase_fails(shop: Site) -> None:
    configure(shop, after_promotion=True)
    shop.add_release("2.1.0", "takes 0.075")
    assert "validate the performance of green against blue" in shop.comporta("plan", "2.1.0").stdout
    done = shop.json("deploy", "2.1.0", "--yes", expect=1)
    assert (done["outcome"], "phase performance" in done["cause"]) == ("rolled-back", True)
    assert shop.live() == "2.0.0"
