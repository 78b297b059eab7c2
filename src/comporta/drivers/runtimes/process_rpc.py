"""XML-RPC over a unix socket, as supervisord speaks it. Imported on first use only: it costs 25 ms."""

from __future__ import annotations

import http.client
import os
import socket
import xmlrpc.client
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

TIMEOUT = 5.0
"""Seconds. supervisord answers within milliseconds; one that hangs is as good as none."""


def call(folder: Path, name: str, method: str, *arguments: Any, by_descriptor: bool) -> Any:
    """Ask the server that listens on a socket in a folder. None if nobody answers, or the call is refused.

    Args:
        by_descriptor: name the folder by its open descriptor, as its path is too long for the address of a socket.
    """
    body = xmlrpc.client.dumps(arguments, method)
    with closing(http.client.HTTPConnection("localhost", timeout=TIMEOUT)) as connection:
        try:
            connection.sock = _connect(folder, name, by_descriptor)
            connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
            return xmlrpc.client.loads(connection.getresponse().read())[0][0]
        except (OSError, http.client.HTTPException, xmlrpc.client.Error, ExpatError):
            return None


def _connect(folder: Path, name: str, by_descriptor: bool) -> socket.socket:
    if not by_descriptor:
        return _connected(str(folder / name))
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        return _connected(f"/proc/self/fd/{descriptor}/{name}")
    finally:
        os.close(descriptor)


def _connected(path: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(TIMEOUT)
    try:
        made.connect(path)
    except OSError:
        made.close()
        raise
    return made
