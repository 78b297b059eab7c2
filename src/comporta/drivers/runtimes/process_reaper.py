"""Waits until the occupant's time is over. supervisord runs this file by its path, in the folder of the slot.

It sleeps, and looks at the record once a second: a changed or cancelled time is seen, and so is a changed clock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

EVERY = 1.0


def main(stop: list[str]) -> None:
    while True:
        if expired():
            # In a session of its own and marked as of no slot, for it ends everything that is of ours: us, too.
            env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ["PYTHONPATH"], "COMPORTA_SEAT": ""}
            subprocess.run([*stop, os.getcwd()], env=env, stdin=subprocess.DEVNULL, start_new_session=True, check=False)
        time.sleep(EVERY)


def expired() -> bool:
    try:
        with open("occupant.json", "rb") as file:
            until = json.load(file).get("warm_until")
    except FileNotFoundError:
        return False
    return until is not None and until <= time.time()


if __name__ == "__main__":
    main(sys.argv[1:])
