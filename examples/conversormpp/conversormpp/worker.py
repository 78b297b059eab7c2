"""The worker: takes jobs, converts them, keeps the results. `python -m conversormpp.worker`, started by the keeper.

It lives as long as its standard input: the keeper holds the other end, and when that process ends, however it ends,
the worker finishes the job at hand and goes. No orphan, no heartbeat file.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time

from conversormpp import converter
from conversormpp.jobs import ATTEMPTS, PING, Conversion, Jobs
from conversormpp.log import start_logging
from conversormpp.queues import open_queue
from conversormpp.release import Release, current
from conversormpp.settings import Settings
from conversormpp.storage import Storage

log = logging.getLogger("conversormpp.worker")
RENEW = 1.0  # seconds
GRACE = 10.0  # seconds for the job at hand
OLD_PROBE = 60.0  # seconds


class Worker:
    def __init__(self, settings: Settings, release: Release) -> None:
        self._jobs = Jobs(settings.database_url)
        self._storage = Storage(settings.storage_url)
        self._release = release
        self._seat = release.seat(settings)

    def sit_down(self) -> None:
        self._jobs.take_seat(self._seat)

    def work(self, id: str | None) -> bool:
        """Take that job, or any, and do it. False: there was none to take."""
        job = self._jobs.claim(self._seat, id)
        if job is None:
            return False
        if job.attempts > ATTEMPTS:
            self._jobs.failed(job.id, self._seat.worker, f"{ATTEMPTS} workers died of it")
        elif job.format == PING:
            self._jobs.done(job.id, self._seat.worker, None)
        else:
            self._convert(job)
        return True

    def _convert(self, job: Conversion) -> None:
        exporter = self._release.exporters[job.format]
        try:
            project = converter.read(self._storage.get(f"uploads/{job.id}"))
            self._storage.put(f"results/{job.id}", exporter.write(project, self._release.columns))
            self._jobs.done(job.id, self._seat.worker, project.plan)
            if self._jobs.get(job.id) is None:  # a health check that gave up: nobody else would ever delete it
                self._storage.delete(f"results/{job.id}")
        except Exception as error:  # a job's failure is its result, whatever the cause
            self._jobs.failed(job.id, self._seat.worker, str(error) or type(error).__name__)
            log.warning("job %s failed: %s", job.id, error)

    def renew(self) -> None:
        """Renew the lease of the job at hand for ever, from a thread of its own."""
        while True:
            time.sleep(RENEW)
            try:
                self._jobs.renew(self._seat)
                self._jobs.forget_probes(OLD_PROBE)
            except Exception as error:  # the database may come back before the lease runs out
                log.warning("cannot renew the lease: %s", error)


def main() -> None:
    start_logging()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for watch in (_stop_with_keeper, _leave_in_time):
        threading.Thread(target=watch, args=[stop], daemon=True).start()
    try:
        _run(Settings.from_environment(), current(), stop)
    except Exception as error:  # the keeper starts another one when there is work and the database answers
        log.error("worker ended: %s", str(error).replace("\n", " "))
        sys.exit(1)


def _run(settings: Settings, release: Release, stop: threading.Event) -> None:
    worker = Worker(settings, release)
    worker.sit_down()
    converter.start_java()
    threading.Thread(target=worker.renew, daemon=True).start()
    log.info("worker of %s started, pid %d", release.version, os.getpid())
    open_queue(settings.queue_url, release.version).run(worker.work, stop)
    log.info("worker of %s stopped", release.version)


def _stop_with_keeper(stop: threading.Event) -> None:
    sys.stdin.buffer.read()  # nothing is ever written: this returns when the keeper has ended
    stop.set()


def _leave_in_time(stop: threading.Event) -> None:
    stop.wait()
    time.sleep(GRACE)
    os._exit(1)  # the job at hand is taken over by another worker


if __name__ == "__main__":
    main()
