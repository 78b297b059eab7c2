"""Two hosts, each with an engine of its own behind a real OpenSSH server; one of them can be cut off."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from support.docker_site import DockerSite, Reader
from support.docker_world import BASE, docker
from support.second_host import Link, TwoHosts, two_hosts
from support.site import taken_down

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

IN_FLIGHT = 1
"""So many requests of a reader may be on their way to a host when it is cut off: nobody can tell what became of it."""
ILL_ON_ONE = 'CMD ["sh", "-c", "[ $COMPORTA_INSTANCE = 1 ] || { echo no disk here; exit 7; }; exec service"]'


@dataclass
class HostsSite(DockerSite):
    """Its instances are spread over both hosts."""

    hosts: TwoHosts = None  # type: ignore[assignment]  # a dataclass wants defaults after those of its base
    keep_warm: str = "0s"
    keep_failed: str = "0s"

    def name_hosts(self, written: str) -> None:
        self.further = f"hosts: [{written}]"
        self.write_config()

    def answers_with(self) -> str:
        """The page that a user gets."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=10) as answer:
            return str(answer.read().decode())

    def inspect(self, host: int, name: str, template: str) -> str:
        where = [[], ["-H", self.hosts.engine.url]][host]
        return docker(*where, "inspect", "-f", template, f"{self.service}.development.{name}")

    def tags(self) -> list[set[str]]:
        """Of the images of its releases, by host."""
        words = ["images", "--filter", f"label=test.service={self.service}", "--format", "{{.Tag}}"]
        return [{*docker(*where, *words).split()} for where in ([], ["-H", self.hosts.engine.url])]

    def everywhere(self) -> list[list[str]]:
        """Which instances run, by host."""
        found = self.hosts.containers(self.service)
        return [[name.rpartition(".")[2] for name in names] for names in found]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoHosts]:
    with two_hosts(tmp_path_factory.mktemp("hosts")) as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(made.programs), prepend=":")
        yield made


@pytest.fixture(scope="module")
def shop(hosts: TwoHosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostsSite]:
    with taken_down(
        HostsSite(tmp_path_factory.mktemp("shop"), hosts=hosts, further=f"hosts: [{hosts.written}]")
    ) as made:
        made.add_release("2.0.0-ill")
        (made.folder / "releases" / "2.0.0-ill" / "Dockerfile").write_text(f"FROM {BASE}\n{ILL_ON_ONE}\n")
        made.comporta("deploy", "1.0.0", "--yes")
        yield made
        hosts.link.mend()
    assert made.everywhere() == [[], []]
    made.remove_images()


@contextmanager
def mended(link: Link) -> Iterator[None]:
    """However it ends, the other host is there again."""
    try:
        yield
    finally:
        link.mend()


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_each_host_has_its_instances_of_the_same_image_and_no_request_is_lost(shop: HostsSite) -> None:
    with Reader(shop.port) as reader:
        shop.comporta("deploy", "1.1.0", "--yes")
        assert shop.everywhere() == [["green-1"], ["green-2"]]
        shop.comporta("rollback", "--yes")
    assert (reader.pages, reader.failures) == ({"1.0.0", "1.1.0"}, [])
    images = [shop.inspect(host, f"blue-{host + 1}", "{{.Image}}") for host in (0, 1)]
    assert images[0] == images[1]


def test_a_release_that_is_ill_on_one_host_is_undone_on_all_and_the_instance_is_named(shop: HostsSite) -> None:
    with Reader(shop.port) as reader:
        done = shop.comporta("deploy", "2.0.0-ill", "--yes", expect=1)
    assert "cannot get green-2 healthy" in done.stderr
    assert "no disk here" in done.stderr
    assert shop.everywhere() == [["blue-1"], ["blue-2"]]
    assert (reader.pages, reader.failures) == ({"1.0.0"}, [])


def test_a_host_that_is_cut_off_before_the_start_is_named_and_nothing_is_begun_anywhere(shop: HostsSite) -> None:
    link = shop.hosts.link
    with Reader(shop.port) as reader, mended(link):
        done = shop.disturbed("do:start-instances:after-intent", link.cutting, "deploy", "1.1.0", "--yes")
        assert done.returncode == 1, done.stdout + done.stderr
        assert f"cannot reach the Docker Engine at {shop.hosts.urls[1]}" in done.stderr
        assert "take it out of `release.docker.hosts`" in done.stderr
        assert shop.everywhere() == [["blue-1"], ["blue-2"]]
    assert reader.pages == {"1.0.0"}
    assert len(reader.failures) <= IN_FLIGHT


@pytest.mark.parametrize("moment", ["after-intent", "after-effect"])
def test_a_host_that_is_cut_off_at_the_switch_turns_it_back_and_what_is_left_there_ends_when_it_is_back(
    shop: HostsSite, moment: str
) -> None:
    link = shop.hosts.link
    with Reader(shop.port) as reader, mended(link):
        done = shop.disturbed(f"do:shift-traffic:{moment}", link.cutting, "deploy", "1.1.0", "--yes")
        assert done.returncode == 1, done.stdout + done.stderr
        assert "left behind: green-2: cannot reach the Docker Engine" in done.stdout + done.stderr
        assert shop.everywhere() == [["blue-1"], ["blue-2", "green-2"]]
        told = shop.comporta("status").stdout
        assert "blue-2 unreachable: cannot reach the Docker Engine" in told
        assert "green-2 unreachable: cannot reach the Docker Engine" in told
        assert shop.answers_with() == "1.0.0"
    assert len(reader.failures) <= IN_FLIGHT
    eventually(lambda: shop.everywhere() == [["blue-1"], ["blue-2"]])
    assert "unreachable" not in shop.comporta("status").stdout


def test_an_engine_that_ends_in_the_middle_undoes_the_deployment_and_is_tidied_up_when_it_is_back(
    shop: HostsSite,
) -> None:
    engine = shop.hosts.engine
    with Reader(shop.port) as reader:
        try:
            done = shop.disturbed("do:start-instances:after-effect", engine.ending, "deploy", "1.1.0", "--yes")
        finally:
            engine.stop()
            engine.start()
        assert done.returncode == 1, done.stdout + done.stderr
        assert "left behind: green-2" in done.stdout + done.stderr
        eventually(lambda: shop.everywhere() == [["blue-1"], ["blue-2"]])
    assert (reader.pages, reader.failures) == ({"1.0.0"}, [])


def test_a_host_that_is_lost_for_long_is_taken_out_and_put_back_without_losing_a_request(shop: HostsSite) -> None:
    link, hosts = shop.hosts.link, shop.hosts
    with Reader(shop.port) as reader, mended(link):
        subprocess.run(link.cutting, check=True)
        refused = shop.comporta("deploy", "1.1.0", "--yes", expect=1)
        assert f"cannot reach the Docker Engine at {hosts.urls[1]}" in refused.stderr
        shop.name_hosts(hosts.written.partition("}, ")[0] + "}")
        shop.comporta("deploy", "1.1.0", "--yes")
        assert shop.everywhere()[0] == ["green-1", "green-2"]
        link.mend()
        shop.name_hosts(hosts.written)
        shop.comporta("deploy", "1.0.0", "--yes")
        assert shop.everywhere() == [["blue-1"], ["blue-2"]]
    assert reader.pages == {"1.0.0", "1.1.0"}
    assert len(reader.failures) <= IN_FLIGHT


def test_old_images_go_from_every_host_and_from_one_that_was_cut_off_once_it_is_back(shop: HostsSite) -> None:
    shop.further = f"hosts: [{shop.hosts.written}]\n    keep_images: 1"
    shop.write_config()
    shop.comporta("deploy", "1.2.0", "--yes")
    assert [leftover["host"] for leftover in shop.json("prune", "--dry-run")["removed"]] == []
    shop.add_release("1.3.0")
    link = shop.hosts.link
    with mended(link):
        done = shop.disturbed("do:stop-instances:after-effect", link.cutting, "deploy", "1.3.0", "--yes")
        assert "what old releases left was not removed: cannot reach the Docker Engine" in done.stdout
        assert (done.returncode, done.stderr) == (0, "")
        refused = shop.comporta("prune", "--yes", expect=1).stderr
        assert refused.startswith(f"error: cannot reach the Docker Engine at {shop.hosts.urls[1]}")
    removed = shop.json("prune", "--yes")["removed"]
    assert {(leftover["version"], leftover["host"]) for leftover in removed} == {
        ("1.0.0", url) for url in shop.hosts.urls
    }
    here, there = shop.tags()
    assert "1.0.0" not in here
    assert len(there) == 2, "those of the live release and of the one before"
    shop.comporta("rollback", "--yes")
    assert shop.answers_with() == "1.2.0"
