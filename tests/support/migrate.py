"""Migrates in a process of its own, which a test can kill: migrate.py WORLD FOLDER URL VERSION up|down LOCK_TIMEOUT."""

import functools
import sys
from pathlib import Path

import anyio

from comporta.model.release import Artifact
from support import migrating

world_name, folder, url, version, way, lock_timeout = sys.argv[1:]
world = getattr(migrating, world_name)(Path(folder), url, lock_timeout=float(lock_timeout))
release = Artifact(runtime="process", version=version, identity="", launch={})
migrator = world.migrator()
verb = migrator.upgrade if way == "up" else functools.partial(migrator.downgrade, to=None)
anyio.run(verb, release)
