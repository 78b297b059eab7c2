"""The real `comporta` command, but it stops itself (SIGSTOP) at a place: stopped.py DIRECTION:STEP:MOMENT WORDS…

With "writing " before the place it does so in the midst of writing to the journal in .comporta, as it may happen.
"""

import os
import signal
import sqlite3
import sys

from comporta.cli.group import cli
from comporta.engine.events import StepEvent
from comporta.main import Composed

writing, _, place = sys.argv.pop(1).rpartition(" ")
direction, tag, moment = place.split(":")


def stop_there(event: StepEvent) -> None:
    here = (event.direction.value, event.step.__struct_config__.tag, event.moment.value)
    if here == (direction, tag, moment):
        db = sqlite3.connect(".comporta/journal.db", isolation_level=None)
        if writing:
            db.execute("BEGIN IMMEDIATE")
        os.kill(os.getpid(), signal.SIGSTOP)
        db.close()


cli(obj=Composed(stop_there))
