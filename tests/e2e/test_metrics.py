"""`/metrics` of `comporta serve`, as a real Prometheus server reads it."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.prometheus import NAME, PASSWORD, free_port, prometheus_of
from support.site import Site, User, site

pytestmark = pytest.mark.slow

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Without a proxy, whatever the environment says."""
PATIENCE = 90.0


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Site]:
    """1.1.0 serves, and 1.0.0 is warm. Somebody who is to be told everything never answers."""
    with site(tmp_path) as made:
        config = made.folder / "comporta.yml"
        dead = f"127.0.0.1:{free_port()}"
        more = f"watch: {{metrics: '127.0.0.1:{free_port()}'}}\nalerts: [{{webhook: 'http://{dead}/'}}]\n"
        config.write_text(config.read_text().replace("monitoring: basic", "monitoring: enabled") + more)
        for version in ("1.0.0", "1.1.0"):
            made.comporta("deploy", version, "--yes")
        yield made
        made.comporta("down", "--yes")
        # They would try for an hour.
        for courier in made.couriers():
            courier.kill()


def address(shop: Site) -> str:
    written = (shop.folder / "comporta.yml").read_text()
    return written.partition("metrics: '")[2].partition("'")[0]


def get(url: str, **headers: str) -> str:
    with OPENER.open(urllib.request.Request(url, headers=headers), timeout=30) as answer:
        text: str = answer.read().decode()
        return text


def asked(prometheus: str, query: str) -> list[tuple[dict[str, str], float]]:
    """The labels and the value of each series that the query finds."""
    login = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
    url = f"http://{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    found = json.loads(get(url, Authorization=f"Basic {login}"))["data"]["result"]
    return [(series["metric"], float(series["value"][1])) for series in found]


def until(prometheus: str, query: str, log: Path) -> list[tuple[dict[str, str], float]]:
    """What the query finds, once it finds something."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if found := asked(prometheus, query):
                return found
        except OSError:
            pass  # it is not up yet
        assert time.monotonic() < deadline, f"{query}\n{log.read_text()}"
        time.sleep(0.1)


def test_prometheus_reads_how_deploying_goes_and_what_the_watch_counts(shop: Site, tmp_path: Path) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("Prometheus is not installed (scripts/test.sh installs it)")
    folder = tmp_path / "prometheus"
    folder.mkdir()
    serving = shop.start("serve")
    try:
        with User(shop.port), prometheus_of(folder, address(shop), every="2s") as server:
            log = folder / "prometheus.log"
            live = 'slot="green", version="1.1.0", release="2", environment="development", service="shop"'
            until(server, f"comporta_slot_requests_total{{{live}}} > 20", log)
            until(server, f"comporta_slot_latency_seconds_count{{{live}}} > 20", log)
            until(server, f"comporta_slot_probes_total{{{live}}} > 0", log)
            until(server, f"rate(comporta_slot_requests_total{{{live}}}[1m]) > 1", log)
            until(server, f"comporta_release_info{{{live}}} == 1", log)
            until(server, 'comporta_release_traffic_ratio{slot="blue", version="1.0.0"} == 0', log)
            until(server, 'comporta_deployments_total{strategy="blue-green", outcome="promoted"} == 2', log)
            until(server, 'comporta_deployment_duration_seconds_count{outcome="promoted"} == 2', log)
            until(server, 'comporta_deployment_requests_lost_total{outcome="promoted"} == 0', log)
            until(server, "comporta_slot_errors_total == 0", log)
            until(server, "comporta_deployments_unfinished == 0 and comporta_router_up == 1", log)
            shop.comporta("lock", "-m", "audit week")
            until(server, 'comporta_lease_held{by="hand"} == 1', log)
            until(server, "comporta_lease_held_seconds > 0", log)
            assert asked(server, 'comporta_lease_held{by="process"}')[0][1] == 0
            shop.comporta("unlock")
            shop.comporta("rollback", "--yes")
            until(server, 'comporta_deployments_total{strategy="rollback", outcome="promoted"} == 1', log)
            until(server, 'comporta_release_info{version="1.0.0"} == 1', log)
            until(server, 'comporta_alerts_undelivered{receiver=~"webhook 127.*", state="waiting"} > 0', log)
        text = get(f"http://{address(shop)}/metrics")
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stderr
        assert "# EOF" in get(f"http://{address(shop)}/metrics", Accept="application/openmetrics-text; version=1.0.0")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"http://{address(shop)}/")
    finally:
        serving.terminate()
        out, _ = serving.communicate()
    assert serving.returncode == 0, out


def test_where_somebody_else_listens_there_it_watches_all_the_same(shop: Site) -> None:
    host, _, port = address(shop).partition(":")
    with socket.create_server((host, int(port))):
        serving = shop.start("serve")
        try:
            assert serving.stdout is not None
            said = [serving.stdout.readline() for _ in range(2)]
        finally:
            serving.terminate()
            serving.communicate()
    assert any("cannot serve metrics at" in line for line in said), said
    assert any("watching shop" in line for line in said), said
