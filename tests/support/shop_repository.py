"""A service in a git repository of its own, with a bare remote, and a git that kills whoever calls it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.forked import python

CONFIG = """\
service: shop
release: {process: {command: ["true"]}}
health: {checks: [{name: api, path: /health}]}
environments: {development: {domain: "localhost:3000"}}
"""
PYPROJECT = '[project]\nname = "shop"  # our shop\nversion = "1.0.0"  # by comporta\n'
DEADLY = """\
#!/bin/sh
# The git of the system, which kills its caller before the command with a number. What lies after a command lies
# before the next one.
count=$(($(cat "{count}" 2>/dev/null || echo 0) + 1))
echo $count >"{count}"
if [ $count = {at} ]; then kill -9 $PPID; exit 1; fi
exec "{git}" "$@"
"""


@dataclass
class Shop:
    """A clone in `folder`/shop of the bare repository in `folder`/remote.git, with the release 1.0.0 in it."""

    folder: Path
    file: str = "pyproject.toml"
    text: str = PYPROJECT

    def __post_init__(self) -> None:
        self.here, self.there = self.folder / "shop", self.folder / "remote.git"
        self.home = self.folder / "home"
        self.home.mkdir()
        (self.home / ".gitconfig").write_text(
            "[user]\nname = Ada\nemail = ada@shop.example\n[init]\ndefaultBranch = main\n"
        )
        self.run("git", "init", "--quiet", "--bare", str(self.there), cwd=self.folder)
        self.run("git", "init", "--quiet", str(self.here), cwd=self.folder)
        self.git("remote", "add", "origin", str(self.there))
        (self.here / "comporta.yml").write_text(CONFIG)
        (self.here / self.file).write_bytes(self.text.encode())
        self.commit("feat: sell things")
        self.git("tag", "-a", "v1.0.0", "-m", "Release 1.0.0")
        self.git("push", "--quiet", "origin", "main", "v1.0.0")

    def run(
        self, *words: str, cwd: Path | None = None, expect: int | None = 0, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            words, cwd=cwd or self.here, capture_output=True, text=True, timeout=60, env=self._environ(environ)
        )
        assert expect is None or done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def git(self, *words: str, at: Path | None = None) -> str:
        return self.run("git", *words, cwd=at or self.here).stdout.strip()

    def commit(self, message: str, file: str = "shop.py") -> None:
        with (self.here / file).open("a") as stream:
            stream.write(f"# {message.splitlines()[0]}\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)

    def release(self, *words: str, expect: int = 0, **environ: str) -> subprocess.CompletedProcess[str]:
        done = self._comporta("release", *words, **environ)
        assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def _comporta(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return python(["-m", "comporta.main", *words], cwd=self.here, environ=self._environ(environ))

    def released(self, *words: str, **environ: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.release(*words, "--json", **environ).stdout)
        return found

    def killed_at(self, at: int, *words: str) -> bool:
        """The command, killed before its `at`-th call of git. False: it has fewer, and went through."""
        tools = self.folder / "tools"
        shutil.rmtree(tools, ignore_errors=True)
        tools.mkdir()
        git = shutil.which("git")
        (tools / "git").write_text(DEADLY.format(count=tools / "count", at=at, git=git))
        (tools / "git").chmod(0o755)
        path = f"{tools}:{os.environ['PATH']}"
        done = self._comporta("release", *words, PATH=path)
        assert done.returncode in (0, -9), f"{done.stdout}\n{done.stderr}"
        return done.returncode == -9

    def clone(self) -> Path:
        """What somebody else works in."""
        other = self.folder / "other"
        self.run("git", "clone", "--quiet", str(self.there), str(other), cwd=self.folder)
        return other

    def version(self) -> str:
        return (self.here / self.file).read_text()

    def state(self) -> list[str]:
        """Everything that a release could change, here and there."""
        refs = ("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags")
        return [self.git(*refs), self.git(*refs, at=self.there), self.version(), self.git("status", "--porcelain")]

    def require_whole(self) -> None:
        """No tag is without its commit on the branch, here and there; and the file is one version or the other."""
        for place in (self.here, self.there):
            for tag in self.git("tag", "--list", at=place).splitlines():
                self.git("merge-base", "--is-ancestor", f"{tag}^{{commit}}", "main", at=place)
            self.git("fsck", "--strict", "--no-dangling", at=place)
        assert self.version() in (self.text, self.text.replace("1.0.0", "1.1.0"))

    def _environ(self, changes: dict[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "BUILD_NUMBER"))}
        return {**kept, "HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1", **changes}
