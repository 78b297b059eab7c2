"""Logging to stdout, one line an event."""

from __future__ import annotations

import logging
import sys


def start_logging() -> None:
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for chatty in ("uvicorn.error", "dramatiq"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
