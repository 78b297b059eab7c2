"""The real `comporta` command, except that it kills itself at a place (`support.places`): mortal.py PLACE WORDS…"""

import os
import signal
import sys

from comporta.cli.group import cli
from comporta.engine.events import StepEvent
from comporta.main import Composed
from support.places import is_at

wanted = sys.argv.pop(1)


def die_there(event: StepEvent) -> None:
    if is_at(event, wanted):
        os.kill(os.getpid(), signal.SIGKILL)


cli(obj=Composed(die_there))
