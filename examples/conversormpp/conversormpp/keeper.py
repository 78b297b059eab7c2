"""Keeps one worker per release and data directory, while any web instance of it lives and there is work.

Every instance has a keeper. Whichever gets the lock file starts the worker and hands the lock over: the worker itself
holds it, so it is free the moment the worker dies, however it dies, and the next keeper that sees a waiting job starts
another. The worker ends with the process that started it (see worker.py).
"""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import sys
import threading

from conversormpp.jobs import Jobs, Seat
from conversormpp.settings import Settings

log = logging.getLogger("conversormpp.keeper")
LOOK = 1.0  # seconds between looks for jobs that others have left
PATIENCE = 12.0  # seconds for the worker to finish its job


class Keeper:
    def __init__(self, settings: Settings, jobs: Jobs, seat: Seat) -> None:
        self._lock_file = settings.data_dir / f"worker-{seat.release}.lock"
        self._jobs = jobs
        self._seat = seat
        self._wake = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look now: a job was put."""
        self._wake.set()

    def stop(self) -> None:
        """Let the worker finish its job, and see it end."""
        self._ending = True
        self._wake.set()
        self._thread.join()
        if self._worker is not None and self._worker.stdin is not None:
            self._worker.stdin.close()
            try:
                self._worker.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._worker.kill()
                self._worker.wait()

    def _run(self) -> None:
        trouble = ""
        while not self._ending:
            try:
                self._look()
                trouble = ""
            except Exception as error:  # the database may come back
                if trouble != str(error):
                    log.warning("cannot look for jobs: %s", str(error).replace("\n", " "))
                trouble = str(error)
            self._wake.wait(LOOK)
            self._wake.clear()

    def _look(self) -> None:
        if (self._worker is None or self._worker.poll() is not None) and self._jobs.waiting(self._seat):
            self._start_worker()

    def _start_worker(self) -> None:
        lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another instance's worker has the seat
        else:
            command = [sys.executable, "-m", "conversormpp.worker"]
            self._worker = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[lock])
        finally:
            os.close(lock)
