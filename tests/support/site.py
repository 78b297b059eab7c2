"""A whole site to run the real command on: a tiny real service in several versions, a config, free ports, a user."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil

from comporta.load.free_ports import free_ports
from support.forked import python

INSTANCES = 2

SERVICE = '''\
"""Says which version it is. HOW decides how well it behaves.

"takes 0.03" and "alone 0.03" say how many seconds /work needs, all requests at once or one after the other.
"""
import contextlib, json, os, random, signal, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOW = "{how}"
VERSION = "{version}"
ALONE = threading.Lock()

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/work":
            with ALONE if HOW.startswith("alone") else contextlib.nullcontext():
                time.sleep(float(HOW.split()[1]))
        flaky = HOW == "flaky" and random.random() < 0.2
        rotten = HOW == "rotting" and os.path.exists("../../rotten")
        sick = HOW == "sick" or ((HOW == "failing" or flaky or rotten) and self.path != "/health")
        body = json.dumps({{"status": "error" if sick else "ok", "version": VERSION}}).encode()
        self.send_response(500 if sick else 200)
        self.send_header("X-App-Version", VERSION)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *args):
        pass

class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

if HOW == "crashing":
    print("cannot find the settings" + chr(27) + "[2J", flush=True)
    sys.exit(7)
while HOW == "waiting" and not os.path.exists("../../go"):
    time.sleep(0.02)
server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print("listening", flush=True)
server.serve_forever(poll_interval=0.02)
'''

CONFIG = """\
service: shop
release:
  process:
    directory: "releases/{{version}}"
    command: ["{{python}}", app.py, "{{port}}"]
    stop_grace: 3s
health:
  timeout: {health_timeout}
  interval: 50ms
  checks:
    - {{name: api, path: /health, expect: {{status: ok}}, timeout: 2s}}
smoke:
  - {{name: read, run: ["{{python}}", -c, "import sys, urllib.request as u; u.urlopen(sys.argv[1])", "{{url}}/health"]}}
blue_green: {{stabilize: {stabilize}, final_timeout: 5s, drain: 5s, keep_warm: {keep_warm}}}
canary:
  start: 20%
  stages: [50%, 100%]
  watch: {watch}
  hold: {hold}
  min_hold: 1s
  bake: 1s
  warm_up: 1s
  error_margin: 10%
  latency_margin: 30%
  on_inconclusive: {on_inconclusive}
rolling: {{pause: {pause}}}
environments:
  development:
    domain: "localhost:{port}"
    instances: {instances}
    runtime: process
    router: {router}
    monitoring: basic
    keep_failed: {keep_failed}
    slots: {{blue: {blue}, green: {green}}}
"""

AnySite = TypeVar("AnySite", bound="Site")
MORTAL, DISTURBED, TELLING = (Path(__file__).with_name(f"{name}.py") for name in ("mortal", "disturbed", "telling"))


@dataclass
class Site:
    """A folder with a config. `comporta` runs the real command in it."""

    folder: Path
    keep_warm: str = "1h"
    stabilize: str = "200ms"
    health_timeout: str = "20s"
    watch: str = "60s"
    hold: str = "8s"
    pause: str = "1s"
    on_inconclusive: str = "abort"
    instances: int = INSTANCES
    router: str = "nginx"
    keep_failed: str = "1h"

    def __post_init__(self) -> None:
        first = free_ports(1 + 4 * self.instances)
        self.port = first
        self.write_config()
        for version in ("1.0.0", "1.1.0", "1.2.0"):
            self.add_release(version)

    def write_config(self) -> None:
        blue, green = self.port + 1, self.port + 1 + 2 * self.instances
        text = CONFIG.format(
            port=self.port,
            blue=f"{blue}-{blue + 2 * self.instances - 1}",
            green=f"{green}-{green + 2 * self.instances - 1}",
            instances=self.instances,
            router=self.router,
            keep_warm=self.keep_warm,
            stabilize=self.stabilize,
            health_timeout=self.health_timeout,
            watch=self.watch,
            hold=self.hold,
            pause=self.pause,
            on_inconclusive=self.on_inconclusive,
            keep_failed=self.keep_failed,
        )
        (self.folder / "comporta.yml").write_text(text)

    def add_release(self, version: str, how: str = "well") -> None:
        place = self.folder / "releases" / version
        place.mkdir(parents=True)
        (place / "app.py").write_text(SERVICE.format(version=version, how=how))

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "comporta.main", *words]

    def comporta(self, *words: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        """The command, to its end. `expect`: its exit code; None: any."""
        done = python(["-m", "comporta.main", *words], cwd=self.folder)
        assert expect is None or done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The command, in the background."""
        return subprocess.Popen(
            self.command(*words), cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def killed_at(self, place: str, *words: str) -> None:
        """The command, which kills itself (SIGKILL) when it comes to `place`: "do:shift-traffic:after-effect"."""
        done = python([str(MORTAL), place, *words], cwd=self.folder)
        assert done.returncode == -signal.SIGKILL, f"it lived: {done.returncode}\n{done.stdout}\n{done.stderr}"

    def disturbed(self, place: str, disturbance: list[str], *words: str) -> subprocess.CompletedProcess[str]:
        """The command; another one runs when it comes to `place`, as in `killed_at`. How it ends is not asked."""
        return python([str(DISTURBED), place, json.dumps(disturbance), *words], cwd=self.folder)

    def points(self, *words: str) -> list[str]:
        """Those that the command comes to, as `support.places` writes them."""
        with tempfile.NamedTemporaryFile("r") as file:
            done = python([str(TELLING), file.name, *words], cwd=self.folder)
            assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
            return file.read().split()

    def json(self, *words: str, expect: int = 0) -> Any:
        return json.loads(self.comporta(*words, "--json", expect=expect).stdout)

    def judged(self, deployment: int) -> list[Any]:
        """The verdict after each block that was measured in a deployment."""
        done = self.comporta("replay", str(deployment), "--json", expect=None)
        return list(json.loads(done.stdout)) if done.returncode == 0 else []

    def live(self) -> str | None:
        found = self.json("status")["live"]
        return found["version"] if found else None

    def answers(self) -> str:
        """The version that answers a user."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", "/")
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.headers["X-App-Version"] or str(response.status)

    def running(self) -> dict[str, int]:
        """How many instances of which release run, by the process table and not by what comporta says."""
        counts: dict[str, int] = {}
        for process in psutil.process_iter(["cmdline", "cwd"]):
            cwd, words = process.info["cwd"], process.info["cmdline"] or []
            if "app.py" in words and cwd and Path(cwd).parent == self.folder / "releases":
                counts[Path(cwd).name] = counts.get(Path(cwd).name, 0) + 1
        return counts

    def couriers(self) -> list[psutil.Process]:
        """The processes that deliver messages."""
        return [process for process in self._processes() if "deliver" in (process.info["cmdline"] or [])]

    def leftovers(self) -> list[str]:
        """Every process that has to do with this folder."""
        return [f"{process.pid}: {' '.join(process.info['cmdline'] or [])}" for process in self._processes()]

    def cut_power(self) -> None:
        """Every process of this folder is gone at once, as after a reboot."""
        for process in self._processes():
            process.kill()
        while self.leftovers():
            time.sleep(0.02)

    def _processes(self) -> list[psutil.Process]:
        mark = str(self.folder)

        def is_ours(process: psutil.Process) -> bool:
            info = process.info
            return mark in (info["cwd"] or "") or any(mark in word for word in info["cmdline"] or [])

        return [process for process in psutil.process_iter(["cmdline", "cwd"]) if is_ours(process)]


@contextmanager
def site(folder: Path, **options: Any) -> Iterator[Site]:
    """A site that is taken down at the end, with a check that nothing is left of it."""
    with taken_down(Site(folder, **options)) as made:
        yield made


@contextmanager
def taken_down(made: AnySite) -> Iterator[AnySite]:
    """The site as it is, and nothing of it at the end."""
    try:
        yield made
    finally:
        made.comporta("down", "--yes", expect=None)
        deadline = time.monotonic() + 10
        while (left := made.leftovers()) and time.monotonic() < deadline:
            time.sleep(0.05)
        for line in left:
            psutil.Process(int(line.partition(":")[0])).kill()
        assert left == []


@dataclass
class User:
    """Somebody who asks all the time, GET and POST on kept and new connections, and remembers what went wrong."""

    port: int
    answers: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> User:
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._use, args=(n,)) for n in range(4)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def _use(self, number: int) -> None:
        connection = self._connect()
        while not self._enough.is_set():
            method = "POST" if number % 2 else "GET"
            try:
                connection.request(method, "/", body=b"x" * 100 if method == "POST" else None)
                response = connection.getresponse()
                response.read()
            except OSError as error:
                self.failures.append(f"{method} {error!r}")
                connection = self._connect()
                continue
            version = response.headers["X-App-Version"] or "?"
            self.answers[version] = self.answers.get(version, 0) + 1
            if response.status != 200:
                self.failures.append(f"{method} {response.status} from {version}")
            if number >= 2:
                connection.close()
            time.sleep(0.02)
        connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
