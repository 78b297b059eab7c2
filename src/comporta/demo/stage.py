"""Where the demonstration plays: a folder with releases and a config, and the `comporta` command run in it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from comporta.load.free_ports import free_ports
from comporta.model.errors import ComportaError, MissingTool

INSTANCES = 3
PORTS_WANTED = 1 + 2 * INSTANCES

CONFIG = """\
service: {service}
release:
{release}
health:
  timeout: {patience}
  interval: 500ms
  checks:
    - {{name: api, path: /health, expect: {{status: ok}}}}
    - {{name: database, path: /api/health/database, expect: {{status: ok}}}}
    - {{name: storage, path: /api/health/storage, expect: {{status: ok}}}}
    - {{name: queue, path: /api/health/queue, expect: {{status: ok}}}}
    - {{name: performance, path: /api/health/performance, within: 3s}}
smoke:
  - {{name: convert, run: ["{{python}}", {smoke}, "{{url}}"]}}
blue_green: {{stabilize: 5s, drain: 30s, keep_warm: 1h}}
canary:  # in a hurry: a real one takes 5 %, and minutes
  start: 25%
  stages: [50%, 100%]
  watch: 90s
  hold: 12s
  min_hold: 5s
  bake: 10s
  warm_up: 5s
  error_margin: 2%
  latency_margin: 20%
  latency_tolerance: 50%
  on_inconclusive: abort
environments:
  development:
    domain: "localhost:{port}"
    instances: {instances}
    runtime: {runtime}
    router: {router}
    monitoring: basic
    slots: {{blue: {blue}, green: {green}}}
{further}"""
PROCESSES = """\
  process:
    directory: "releases/{{version}}"
    command: ["{{python}}", -m, conversormpp, --port, "{{port}}"]
    env: {{DATA_DIR: {data}}}"""


@dataclass(frozen=True)
class Setting:
    """What the config says about where instances run and who routes, in YAML.

    Attributes:
        release: below the key `release`.
        patience: how long a release may take to get healthy.
        further: lines below the environment, and keys after it.
    """

    runtime: str
    release: str
    router: str
    service: str = "conversormpp"
    patience: str = "30s"
    further: str = ""


def processes(folder: Path, router: str) -> Setting:
    """Instances are processes, with the embedded database, store and queue of the example."""
    return Setting("process", PROCESSES.format(data=json.dumps(str(folder / "data"))), router)


@dataclass(frozen=True)
class Command:
    """A `comporta` command that has ended. `began` and `ended` are monotonic seconds."""

    words: tuple[str, ...]
    began: float
    ended: float
    exit_code: int

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Stage:
    """A folder of its own, on ports of its own."""

    def __init__(self, folder: Path, example: Path, setting: Setting) -> None:
        self.folder = folder
        self._example = example
        base = free_ports(PORTS_WANTED)
        self.url = f"http://localhost:{base}"
        blue, green = base + 1, base + 1 + INSTANCES
        config = CONFIG.format(
            **asdict(setting),
            smoke=json.dumps(str(example / "smoke.py")),
            port=base,
            instances=INSTANCES,
            blue=f"{blue}-{blue + INSTANCES - 1}",
            green=f"{green}-{green + INSTANCES - 1}",
        )
        (folder / "comporta.yml").write_text(config, encoding="utf-8")

    def make_release(self, version: str) -> None:
        """Build the artifact of a version, as a build server would."""
        maker = [
            sys.executable,
            str(self._example / "make_release.py"),
            version,
            str(self.folder / "releases" / version),
        ]
        made = subprocess.run(maker, capture_output=True, text=True, check=False)
        if made.returncode:
            raise ComportaError(f"cannot make release {version}", details=made.stderr.splitlines()[-5:])

    async def run(self, *words: str) -> Command:
        """A `comporta` command, its output on ours."""
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(*_comporta(words), cwd=self.folder)
        code = await process.wait()
        return Command(words, began, time.monotonic(), code)

    def ask(self, *words: str) -> Any:
        """What a `comporta` command says as JSON."""
        asked = subprocess.run(
            _comporta((*words, "--json")), cwd=self.folder, capture_output=True, text=True, check=False
        )
        return json.loads(asked.stdout)


def _comporta(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "comporta.main", *words]


def example_folder() -> Path:
    """The example service: in the installed package, or beside the sources.

    Raises:
        MissingTool: it is not there.
    """
    package = Path(__file__).parents[1]
    places = [package / "examples" / "conversormpp", package.parents[1] / "examples" / "conversormpp"]
    found = next((place for place in places if (place / "smoke.py").exists()), None)
    if found is None:
        raise _not_installed("its example service")
    return found


def require_parts() -> None:
    """What the example service needs where it runs without a container.

    Raises:
        MissingTool: something of it is not there.
    """
    needed = ("starlette", "uvicorn", "sqlalchemy", "mpxj")
    if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
        raise _not_installed(", ".join(missing))
    if shutil.which("java") is None:
        raise MissingTool(
            "cannot run the demo: its example service converts files with Java, which is not installed",
            next="apt-get install default-jre-headless (or your system's package of it)",
        )


def _not_installed(what: str) -> MissingTool:
    return MissingTool(f"cannot run the demo: {what} is not installed", next="pip install 'comporta[demo]'")
