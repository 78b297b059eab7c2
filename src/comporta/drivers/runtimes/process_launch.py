"""Becomes one instance. supervisord runs this file by its path, with the standard library only: it must be quick.

The command and its environment come through supervisord's own environment, as JSON. So nothing of the config is ever
read by supervisord's parser, and no secret is written to a disk: whoever can read them there (the same user, and
root) can read them in the instance's environment as well.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import NoReturn

CANNOT_EXECUTE = 127


def main(index: str) -> NoReturn:
    launch = json.loads(os.environ[f"COMPORTA_LAUNCH_{index}"])
    count(f"instance-{index}.json")
    # Python ignores these two, and what is ignored stays so in the program that takes our place.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    command = launch["command"]
    try:
        os.chdir(launch["directory"])
        os.execvpe(command[0], command, launch["env"])
    except OSError as error:
        sys.stderr.write(f"comporta: cannot launch {command[0]}: {error}\n")
        sys.exit(CANNOT_EXECUTE)


def count(path: str) -> None:
    """Note this launch beside the log. The process id stays the same when the instance takes our place."""
    try:
        with open(path) as file:
            launches = json.load(file)["launches"]
    except FileNotFoundError:
        launches = 0
    with open(f"{path}.new", "w") as file:
        json.dump({"launches": launches + 1, "pid": os.getpid(), "at": time.time()}, file)
    os.replace(f"{path}.new", path)


if __name__ == "__main__":
    main(sys.argv[1])
