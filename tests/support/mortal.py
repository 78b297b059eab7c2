"""The real `comporta` command, except that it kills itself at a place: mortal.py DIRECTION:STEP:MOMENT WORDS…"""

import os
import signal
import sys

from comporta.cli.group import cli
from comporta.engine.events import StepEvent
from comporta.main import Composed

direction, tag, moment = sys.argv.pop(1).split(":")


def die_there(event: StepEvent) -> None:
    here = (event.direction.value, event.step.__struct_config__.tag, event.moment.value)
    if here == (direction, tag, moment):
        os.kill(os.getpid(), signal.SIGKILL)


cli(obj=Composed(die_there))
