"""The real `comporta` command, which writes each point that it comes to into a file: telling.py FILE WORDS…"""

import sys

from comporta.cli.group import cli
from comporta.engine.events import StepEvent
from comporta.main import Composed
from support.places import point

file = sys.argv.pop(1)


def tell(event: StepEvent) -> None:
    with open(file, "a", encoding="utf-8") as told:
        told.write(f"{point(event)}\n")


cli(obj=Composed(tell))
