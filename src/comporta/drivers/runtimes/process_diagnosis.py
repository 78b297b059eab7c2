"""What this machine has, or lacks, for running a service's releases as processes."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from pathlib import Path

from comporta.drivers.runtimes.placeholders import fill
from comporta.drivers.runtimes.ports import foreign_holder, is_free
from comporta.drivers.runtimes.process_filling import inherited, program_exists
from comporta.drivers.runtimes.process_members import members
from comporta.drivers.runtimes.process_options import ProcessOptions
from comporta.drivers.runtimes.process_seat import seat_of
from comporta.drivers.runtimes.versions import parent_folder, versions
from comporta.model.findings import Finding
from comporta.model.spec import EnvironmentSpec
from comporta.model.traffic import Slot


def diagnose(spec: EnvironmentSpec, options: ProcessOptions) -> list[Finding]:
    return [
        _releases(spec, options),
        _program(spec, options),
        _supervisor(),
        *(_ports(spec, slot) for slot in Slot),
    ]


def _releases(spec: EnvironmentSpec, options: ProcessOptions) -> Finding:
    base = Path(spec.base)
    folder, count = parent_folder(base, options.directory), len(versions(base, options.directory))
    return Finding(
        name="releases",
        ok=folder.is_dir(),
        text=f"{folder} holds {count} version{'s' * (count != 1)}" if folder.is_dir() else f"there is no {folder}",
        next="" if folder.is_dir() else f"mkdir -p {shlex.quote(str(folder))}, and put a version into it",
    )


def _program(spec: EnvironmentSpec, options: ProcessOptions) -> Finding:
    """A program inside a release can only be looked for in the newest one."""
    newest = next(iter(versions(Path(spec.base), options.directory)), "")
    directory = Path(spec.base) / options.directory.replace("{version}", newest)
    values = {"python": sys.executable, "directory": str(directory), "version": newest}
    word = fill(options.command[0], {"port": "", "host": "", "slot": "", "index": ""} | values)
    ok = program_exists(word, directory, inherited()["PATH"])
    text = f"{word} is there" if ok else f"there is no program {word!r}"
    return Finding(name="command", ok=ok, text=text, next="" if ok else "install it, or correct the command")


def _supervisor() -> Finding:
    ok = importlib.util.find_spec("supervisor") is not None
    text = "supervisord is installed" if ok else "supervisord is not installed"
    return Finding(name="supervisord", ok=ok, text=text, next="" if ok else "pip install supervisor")


def _ports(spec: EnvironmentSpec, slot: Slot) -> Finding:
    ports, ours = spec.ports(slot), {process.pid for process in members(seat_of(spec, slot))}
    taken = {
        port: holder
        for port in ports.take(len(ports))
        if not is_free(spec.instance_host, port) and (holder := foreign_holder(port, ours))
    }
    text = "; ".join(f"{port} is taken by {holder}" for port, holder in taken.items())
    return Finding(
        name=f"ports of {slot}",
        ok=not taken,
        text=text or f"{ports} are free or ours",
        next="stop what holds them, or give the slot other ports" if taken else "",
    )
