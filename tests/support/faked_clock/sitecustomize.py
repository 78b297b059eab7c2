"""Python loads this at its start, where the folder is on PYTHONPATH: for processes whose clock libfaketime sets.

It leaves their monotonic clock alone, but gets the time wrong that `clock_nanosleep` is to wake at: now and then
`time.sleep` fails with EINVAL. A select that waits for nothing sleeps as long, by a time that is relative.
"""

import select
import time


def sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = sleep
