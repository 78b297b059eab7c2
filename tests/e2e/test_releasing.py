"""`comporta release` on real repositories with a real remote."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.shop_repository import PYPROJECT, Shop

pytestmark = pytest.mark.slow
SEMVER_BUILD = re.compile(r"1\.1\.0-build\.(0|[1-9]\d*)\+[0-9a-f]{7}")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["patch"], "1.0.1"),
        (["minor"], "1.1.0"),
        (["major"], "2.0.0"),
        ([], "1.1.0"),
        (["--pre", "rc"], "1.1.0-rc.1"),
        (["major", "--pre", "alpha"], "2.0.0-alpha.1"),
    ],
)
def test_a_release_is_written_committed_tagged_and_pushed(shop: Shop, words: list[str], wanted: str) -> None:
    shop.commit("feat(cart): fill it\n\nbody")
    shop.commit("fix: count right")
    made = shop.released(*words)
    assert (made["version"], made["previous"], made["tag"], made["pushed"]) == (wanted, "1.0.0", f"v{wanted}", True)
    assert shop.version() == PYPROJECT.replace("1.0.0", wanted)
    assert shop.git("status", "--porcelain") == ""
    for place in (shop.here, shop.there):
        assert shop.git("rev-parse", "main", f"v{wanted}^{{commit}}", at=place).split() == [made["commit"]] * 2
        assert shop.git("cat-file", "-t", f"v{wanted}", at=place) == "tag"
    assert shop.git("diff", "--name-only", "HEAD~1", "HEAD") == "pyproject.toml"
    message = shop.git("for-each-ref", "--format=%(contents)", f"refs/tags/v{wanted}")
    assert message.startswith(f"Release {wanted}\n")
    assert "## Features\n\n- **cart:** fill it (" in message
    assert made["build"] in message


def test_the_build_has_the_number_of_the_build_server(shop: Shop) -> None:
    made = shop.released("minor", BUILD_NUMBER="0042")
    assert made["build"] == f"1.1.0-build.42+{made['commit'][:7]}"


def test_the_build_has_the_time_otherwise(shop: Shop) -> None:
    assert SEMVER_BUILD.fullmatch(shop.released("minor")["build"])


def test_pre_releases_go_on_to_the_release(shop: Shop) -> None:
    shop.commit("feat: more")
    versions = [shop.released("--pre", "beta")["version"], shop.released("--pre", "beta")["version"]]
    shop.commit("fix: less")
    versions += [shop.released("--pre", "rc")["version"], shop.released()["version"]]
    assert versions == ["1.1.0-beta.1", "1.1.0-beta.2", "1.1.0-rc.1", "1.1.0"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("package.json", '{\n\t"name": "shop",\n\t"version":  "1.0.0",\r\n\t"x": {"version": "1.0.0"}\n}'),
        ("VERSION", "1.0.0\r\n"),
    ],
)
def test_other_files_keep_their_format(tmp_path: Path, file: str, text: str) -> None:
    shop = Shop(tmp_path, file, text)
    (shop.here / file).chmod(0o755)
    shop.commit("chore: allow")
    shop.released("minor")
    assert (shop.here / file).read_bytes().decode() == text.replace("1.0.0", "1.1.0", 1)
    assert (shop.here / file).stat().st_mode & 0o777 == 0o755
    assert shop.git("status", "--porcelain") == ""


def test_a_service_may_live_in_a_folder_of_its_repository(shop: Shop) -> None:
    (shop.here / "api").mkdir()
    shop.git("mv", "comporta.yml", "pyproject.toml", "api/")
    shop.commit("feat: move")
    config = ("--config", "api/comporta.yml")
    assert shop.released(*config)["version"] == "1.1.0"
    assert 'version = "1.1.0"' in (shop.here / "api" / "pyproject.toml").read_text()
    assert shop.git("status", "--porcelain") == ""


def test_notes_may_come_from_a_file(shop: Shop) -> None:
    (shop.folder / "notes.md").write_text("# All new\n\n- `$(touch x)`\n")
    shop.release("minor", "--notes-file", str(shop.folder / "notes.md"))
    assert "# All new\n\n- `$(touch x)`" in shop.git("for-each-ref", "--format=%(contents)", "refs/tags/v1.1.0")


def test_a_dry_run_changes_nothing(shop: Shop) -> None:
    shop.commit("feat: more")
    before = shop.state()
    said = shop.release("--dry-run").stdout
    assert "1.0.0 → 1.1.0" in said
    assert "- more (" in said
    assert shop.state() == before


def test_without_a_push_all_stays_here(shop: Shop) -> None:
    remote = shop.git("for-each-ref", at=shop.there)
    made = shop.released("minor", "--no-push")
    assert not made["pushed"]
    assert shop.git("rev-parse", "v1.1.0^{commit}") == made["commit"]
    assert shop.git("for-each-ref", at=shop.there) == remote


def refuse_pushes(shop: Shop) -> None:
    hook = shop.there / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'no releases on Fridays' >&2\nexit 1\n")
    hook.chmod(0o755)


def refuse_tags(shop: Shop) -> None:
    """The branch would be taken, the tag would not."""
    hook = shop.there / "hooks" / "update"
    hook.write_text("#!/bin/sh\ncase $1 in refs/tags/*) echo 'no releases on Fridays' >&2; exit 1;; esac\n")
    hook.chmod(0o755)


def diverge(shop: Shop) -> None:
    other = shop.clone()
    (other / "theirs.py").write_text("")
    shop.git("add", "--all", at=other)
    shop.git("commit", "--quiet", "-m", "feat: theirs", at=other)
    shop.git("push", "--quiet", "origin", "main", at=other)
    shop.commit("feat: ours")


def tag_there(shop: Shop) -> None:
    shop.git("tag", "v1.1.0", "main", at=shop.there)


@pytest.mark.parametrize(
    ("prepare", "code", "why"),
    [
        (lambda shop: (shop.here / "shop.py").write_text("changed"), 2, "not committed"),
        (lambda shop: shop.git("rm", "--quiet", "--cached", "shop.py"), 2, "not committed"),
        (lambda shop: shop.git("tag", "v1.1.0", "HEAD~1"), 2, "there is such a tag already"),
        (tag_there, 2, "origin has such a tag already"),
        (lambda shop: shop.git("switch", "--quiet", "-c", "topic"), 2, "cannot release from topic"),
        (lambda shop: shop.git("checkout", "--quiet", "--detach"), 2, "cannot release from a detached head"),
        (diverge, 2, "origin/main has commits that are not here"),
        (refuse_pushes, 1, "no releases on Fridays"),
        (refuse_tags, 1, "no releases on Fridays"),
        (lambda shop: shop.git("remote", "set-url", "origin", "nowhere"), 1, "cannot ask origin"),
        (lambda shop: (shop.home / ".gitconfig").write_text("[user]\nuseConfigOnly = true\n"), 1, "who you are"),
    ],
)
def test_what_cannot_be_released_leaves_everything_as_it_was(shop: Shop, prepare: object, code: int, why: str) -> None:
    shop.commit("fix: more")
    assert callable(prepare)
    prepare(shop)
    before = shop.state()
    assert why in shop.release("minor", expect=code).stderr
    assert shop.state() == before


def test_untracked_files_are_nobodys_business(shop: Shop) -> None:
    (shop.here / "notes.txt").write_text("mine")
    assert shop.released("minor")["version"] == "1.1.0"


def test_commits_that_say_nothing_need_a_word(shop: Shop) -> None:
    shop.commit("docs: more")
    assert "say it: `comporta release patch`" in shop.release(expect=2).stderr


def test_a_bad_build_number_is_refused_before_anything_is_done(shop: Shop) -> None:
    before = shop.state()
    assert "cannot use the build number" in shop.release("minor", expect=2, BUILD_NUMBER="7+7").stderr
    assert shop.state() == before


@pytest.mark.parametrize("words", [["minor"], ["minor", "--no-push"]], ids=["pushed", "kept here"])
def test_killed_anywhere_the_next_one_finishes_or_starts_anew(tmp_path: Path, words: list[str]) -> None:
    finished = []
    for at in range(1, 60):
        (tmp_path / str(at)).mkdir()
        shop = Shop(tmp_path / str(at))
        shop.commit("feat: more")
        if not shop.killed_at(at, *words):
            break
        shop.require_whole()
        finished.append(shop.released(*words)["finished_earlier"])
        shop.require_whole()
        assert shop.version() == PYPROJECT.replace("1.0.0", "1.1.0")
        assert shop.git("status", "--porcelain") == ""
        assert shop.git("tag", "--list").split() == ["v1.0.0", "v1.1.0"]
        assert shop.git("rev-parse", "main") == shop.git("rev-parse", "v1.1.0^{commit}")
        assert shop.git("rev-list", "--count", "v1.0.0..main") == "2"
        if words == ["minor"]:
            assert shop.git("rev-parse", "main", "v1.1.0") == shop.git("rev-parse", "main", "v1.1.0", at=shop.there)
    # First there is nothing that could be finished, then there is, up to the end.
    assert finished == sorted(finished)
    assert set(finished) == {False, True}


def test_a_change_of_ones_own_is_no_release_that_was_cut_off(shop: Shop) -> None:
    shop.release("minor")
    (shop.here / "pyproject.toml").write_text(shop.version() + "# mine\n")
    assert "not committed" in shop.release("minor", expect=2).stderr
    assert shop.version().endswith("# mine\n")
