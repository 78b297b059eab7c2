"""What the config says of domain, addresses, paths and times, through the template, to HAProxy itself."""

from __future__ import annotations

from comporta.drivers.routers.haproxy_file import render
from comporta.drivers.routers.haproxy_home import Home
from comporta.drivers.routers.haproxy_options import HaproxyOptions
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Topology
from fuzz import proxies
from fuzz.scratch import folder

HAPROXY = ["haproxy", "-c", "-q", "-f"]


def run(data: bytes) -> None:
    proxies.fuzz(data, "haproxy", _text, _directives, HAPROXY)


def _text(spec: EnvironmentSpec, topology: Topology) -> str:
    home = Home(folder() / "haproxy")
    home.path.mkdir(exist_ok=True)
    for file in (home.traffic, home.maintenance):
        file.touch()
    options = HaproxyOptions.model_validate(spec.router.options)
    text = render(spec, options, home, topology, token="token", bypass="bypass").text
    return text.replace("fd@3", "stdout")  # which is open only where we start HAProxy


def _directives(text: str) -> list[str]:
    """The first word of each line."""
    return [words[0] for line in text.splitlines() if (words := line.split()) and not words[0].startswith("#")]
