"""The real `comporta` command, but it runs another one at a place (`support.places`): disturbed.py PLACE JSON WORDS…

JSON: the words of that other command, which disturbs what comporta is about to do.
"""

import json
import subprocess
import sys

from comporta.cli.group import cli
from comporta.engine.events import StepEvent
from comporta.main import Composed
from support.places import is_at

wanted = sys.argv.pop(1)
disturbance = json.loads(sys.argv.pop(1))


def disturb_there(event: StepEvent) -> None:
    if is_at(event, wanted):
        subprocess.run(disturbance, check=True, capture_output=True)


cli(obj=Composed(disturb_there))
