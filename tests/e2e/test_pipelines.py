"""The pipelines of docs/ci.md, run as they stand there: a tag is deployed, a bad one is taken back."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from support.site import Site, site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PAGE = Path(__file__).parents[2] / "docs" / "ci.md"
GITHUB, GITLAB = (YAML(typ="safe").load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL))
VALIDATE = """\
validate:
  health: {during: 300ms}
  performance: null
  features: {checks: [{name: read, path: /}]}
  load: null
"""
GIT = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@shop.example"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Site]:
    """A clone whose remote has the tags v1.0.0 and v1.1.0; 1.0.0 serves. `releases` is built elsewhere."""
    folder = tmp_path / "shop"
    folder.mkdir()
    with site(folder, instances=1) as made:
        with (folder / "comporta.yml").open("a") as config:
            config.write(VALIDATE)
        (folder / ".gitignore").write_text("/releases/\n/.comporta/\n")
        for name, code in {"build.sh": 'test -d "releases/$1"', "acceptance.sh": "test ! -e ../unacceptable"}.items():
            (folder / name).write_text(f"#!/bin/sh\n{code}\n")
            (folder / name).chmod(0o755)
        git(folder, "init", "--quiet", "--initial-branch", "main")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", "feat: a shop")
        git(folder, "init", "--quiet", "--bare", str(tmp_path / "remote.git"))
        git(folder, "remote", "add", "origin", str(tmp_path / "remote.git"))
        for version in ("1.0.0", "1.1.0"):
            git(folder, "tag", f"v{version}")
        git(folder, "push", "--quiet", "origin", "main", "v1.0.0", "v1.1.0")
        git(folder, "tag", "--delete", "v1.1.0")
        made.comporta("deploy", "1.0.0", "--yes")
        yield made


def git(folder: Path, *words: str) -> None:
    subprocess.run([*GIT, *words], cwd=folder, check=True, capture_output=True)


class Runner:
    """Runs what a pipeline says, as bash that ends at the first error, on the site instead of /srv/shop."""

    def __init__(self, shop: Site, **variables: str) -> None:
        self._shop = shop
        bin_ = shop.folder.parent / "bin"
        bin_.mkdir()
        (bin_ / "comporta").write_text(f'#!/bin/sh\nexec {sys.executable} -m comporta.main "$@"\n')
        (bin_ / "comporta").chmod(0o755)
        self.path = shop.folder.parent / "variables"
        self.path.touch()
        own = {"PATH": f"{bin_}:{os.environ['PATH']}", "COMPORTA_ENVIRONMENT": "development"}
        self._variables = {**os.environ, **own, **variables}

    def succeeds(self, script: str) -> bool:
        self._variables |= dict(line.split("=", 1) for line in self.path.read_text().splitlines())
        script = script.replace("/srv/shop", str(self._shop.folder))
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        return subprocess.run(words, cwd=self._shop.folder, env=self._variables, check=False).returncode == 0


def on_github(shop: Site) -> list[str]:
    """The steps of GitHub's pipeline that succeeded, for the tag v1.1.0; the others are `NAME: failed`."""
    temporary = shop.folder.parent
    facts = {"GITHUB_REF_NAME": "v1.1.0", "GITHUB_RUN_ID": "7", "RUNNER_TEMP": str(temporary)}
    runner = Runner(shop, **facts, GITHUB_ENV=str(temporary / "variables"))
    told: list[str] = []
    for step in GITHUB["jobs"]["production"]["steps"]:
        if wanted(step.get("if"), told):
            told.append(step["name"] + ("" if runner.succeeds(step["run"]) else ": failed"))
    return told


def wanted(condition: str | None, told: list[str]) -> bool:
    failed = [step for step in told if step.endswith(": failed")]
    conditions: dict[str | None, bool] = {
        None: not failed,
        "always()": True,
        "cancelled()": False,
        "failure() && steps.acceptance.outcome == 'failure'": "acceptance: failed" in told,
    }
    return conditions[condition]


def on_gitlab(shop: Site) -> list[str]:
    """The same for GitLab's jobs, one after the other until one fails."""
    facts = {"CI_COMMIT_TAG": "v1.1.0", "CI_PIPELINE_ID": "7", "CI_PROJECT_DIR": str(shop.folder.parent)}
    runner = Runner(shop, **facts, CI_JOB_STATUS="success")
    told: list[str] = []
    for stage in GITLAB["stages"]:
        job: dict[str, Any] = {**GITLAB[GITLAB[stage]["extends"]], **GITLAB[stage]}
        done = runner.succeeds("\n".join([*job["before_script"], *job["script"]]))
        assert runner.succeeds("\n".join(job.get("after_script", [])))
        told.append(stage + ("" if done else ": failed"))
        if not done:
            break
    return told


def test_github_deploys_a_tag(shop: Site) -> None:
    steps = ["fetch", "build", "preflight", "deploy", "validate", "acceptance", "service levels"]
    assert on_github(shop) == steps
    assert (shop.live(), shop.json("history")[0]["reason"]) == ("1.1.0", "run 7")


def test_github_takes_back_what_is_not_accepted(shop: Site) -> None:
    (shop.folder.parent / "unacceptable").touch()
    assert on_github(shop)[-3:] == ["acceptance: failed", "roll back", "service levels"]
    assert (shop.live(), shop.json("history")[0]["reason"]) == ("1.0.0", "acceptance failed in run 7")


def test_github_rolls_nothing_back_where_the_deployment_itself_failed(shop: Site) -> None:
    sick(shop)
    assert on_github(shop)[-2:] == ["deploy: failed", "service levels"]
    assert (shop.live(), [made["strategy"] for made in shop.json("history")]) == ("1.0.0", ["blue-green"] * 2)


def test_gitlab_deploys_a_tag(shop: Site) -> None:
    assert on_gitlab(shop) == ["preflight", "deploy", "validate"]
    assert (shop.live(), shop.json("history")[0]["reason"]) == ("1.1.0", "pipeline 7")


def test_gitlab_takes_back_what_is_not_accepted(shop: Site) -> None:
    (shop.folder.parent / "unacceptable").touch()
    assert on_gitlab(shop)[-1] == "validate: failed"
    assert (shop.live(), shop.json("history")[0]["reason"]) == ("1.0.0", "acceptance failed in pipeline 7")


def sick(shop: Site) -> None:
    """1.1.0 never gets healthy."""
    code = shop.folder / "releases" / "1.1.0" / "app.py"
    code.write_text(code.read_text().replace('HOW = "well"', 'HOW = "crashing"'))
