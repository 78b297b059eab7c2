"""The real `comporta` command, but it runs another one at a place: disturbed.py DIRECTION:STEP:MOMENT JSON WORDS…

JSON: the words of that other command, which disturbs what comporta is about to do.
"""

import json
import subprocess
import sys

from comporta.cli.group import cli
from comporta.engine.events import StepEvent
from comporta.main import Composed

direction, tag, moment = sys.argv.pop(1).split(":")
disturbance = json.loads(sys.argv.pop(1))


def disturb_there(event: StepEvent) -> None:
    here = (event.direction.value, event.step.__struct_config__.tag, event.moment.value)
    if here == (direction, tag, moment):
        subprocess.run(disturbance, check=True, capture_output=True)


cli(obj=Composed(disturb_there))
