"""What is known to be vulnerable, as npm's registry and OSV tell it, served on the loopback."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

NPM, OSV = "/-/npm/v1/security/advisories/bulk", "/v1/query"


@contextmanager
def advisories(known: dict[str, str], cache: Path) -> Iterator[dict[str, str]]:
    """Serve them for as long as it lasts.

    Args:
        known: name of a package → how severe what is known of it is ("low" to "critical"). It may be changed any time.
        cache: a folder for what npm remembers.

    Returns:
        The environment in which npm and pip-audit ask here.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)  # npm looks for a version without the fault

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked = json.loads(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            answer = json.dumps({NPM: _npm, OSV: _osv}[self.path](asked, known)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield {
            "npm_config_registry": address,
            "npm_config_cache": str(cache),
            "npm_config_update_notifier": "false",
            "PIP_AUDIT_VULNERABILITY_SERVICE": "osv",
            "PIP_AUDIT_OSV_URL": address + OSV,
        }
    finally:
        server.shutdown()
        server.server_close()


def _npm(asked: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    """https://docs.npmjs.com/cli/commands/npm-audit#bulk-advisory-endpoint"""
    return {name: [_npm_advisory(name, known[name])] for name in asked if name in known}


def _npm_advisory(name: str, severity: str) -> dict[str, Any]:
    id_ = f"GHSA-{name}-{severity}"
    return {"id": id_, "url": f"https://advisories.example/{id_}", "title": id_, "severity": severity,
            "vulnerable_versions": "<2.0.0"}  # fmt: skip


def _osv(asked: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    """https://google.github.io/osv.dev/post-v1-query"""
    name = asked["package"]["name"]
    affected = [{"package": asked["package"], "ranges": []}]
    return {"vulns": [{"id": f"PYSEC-{name}", "summary": known[name], "affected": affected}]} if name in known else {}
