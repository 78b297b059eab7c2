"""A timer that rings on time: its lateness must not be mistaken for the server's.

The event loop's own timers round up to the next millisecond, more than a whole proxied request takes.
A Linux timerfd is exact to some tens of microseconds. Python offers it from 3.13 on; before that, libc does.
"""

import asyncio
import ctypes
import os
from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1
_libc = ctypes.CDLL(None, use_errno=True)


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("it_interval", _Timespec), ("it_value", _Timespec))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot use a timerfd: {os.strerror(number)}")
    return result


class Alarm:
    """Calls `ring` on the running asyncio loop at the moment last given to `set`."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._fd = _checked(_libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
        self._loop.add_reader(self._fd, self._on_readable)

    def set(self, when: float) -> None:
        """Ring at `when`, in `time.monotonic()` seconds; a moment in the past rings at once."""
        nanoseconds = max(1, round(when * 1e9))  # zero would disarm the timer
        value = _Itimerspec(_Timespec(0, 0), _Timespec(*divmod(nanoseconds, 1_000_000_000)))
        _checked(_libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, ctypes.byref(value), None))

    def close(self) -> None:
        """Give the timer back; it never rings again."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _on_readable(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return  # it was set anew between the wake-up and now
        self._ring()
