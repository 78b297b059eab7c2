"""Why there was no answer, in the system's own words."""

from __future__ import annotations

import os
import ssl


def root_cause(error: BaseException) -> str:
    """What lies at the bottom of an error: "connection refused" says more than the layers above it."""
    root = error
    while (deeper := root.__cause__ or root.__context__) is not None:
        root = deeper
    if isinstance(root, ssl.SSLError):
        # Its number is none of the system's.
        return f"{root.reason or root}: {getattr(root, 'verify_message', '')}".lower().replace("_", " ").rstrip(": ")
    return os.strerror(root.errno).lower() if isinstance(root, OSError) and root.errno else repr(error)
