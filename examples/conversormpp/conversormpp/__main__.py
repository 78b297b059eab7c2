"""`python -m conversormpp --port N`: one web instance, in this process."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import time

import uvicorn

from conversormpp.faults import Faults
from conversormpp.log import start_logging
from conversormpp.release import current
from conversormpp.settings import Settings
from conversormpp.web import build_app

log = logging.getLogger("conversormpp")
# Longer than any proxy keeps an idle connection: the proxy closes first, and never meets a closed one with a request.
KEEP_ALIVE = 75  # seconds
SHUTDOWN = 20  # seconds for the requests in flight


def main() -> None:
    parser = argparse.ArgumentParser(prog="conversormpp", description="Converts Microsoft Project files.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    arguments = parser.parse_args()
    start_logging()
    serve(arguments.host, arguments.port)


def serve(host: str, port: int) -> None:
    settings, release = Settings.from_environment(), current()
    faults = Faults.read(release.faults)
    time.sleep(faults.slow_start_s)
    app = build_app(settings, release, faults, f"{socket.gethostname()}:{port}")
    config = uvicorn.Config(
        app, host=host, port=port, http="h11", loop="asyncio", ws="none", lifespan="on",
        log_config=None, access_log=False, server_header=False,
        timeout_keep_alive=KEEP_ALIVE, timeout_graceful_shutdown=SHUTDOWN,
    )  # fmt: skip
    # uvicorn shuts down gracefully, then raises the signal again: without a handler, the exit code would tell of it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    log.info("conversormpp %s starts on %s:%d", release.version, host, port)
    uvicorn.Server(config).run()
    log.info("conversormpp %s stopped", release.version)


if __name__ == "__main__":
    main()
