"""Smoke test: `python smoke.py URL` uploads a generated plan, waits for the conversion and checks the result."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from conversormpp.samples import mspdi

TASKS = 20
WITHIN = 30.0  # seconds
BOUNDARY = "conversormpp-smoke"


def main(url: str) -> None:
    base = url.rstrip("/")
    job = post_file(f"{base}/api/conversions", mspdi(TASKS), format="json")
    wait_until_done(base + job["url"])
    result = json.loads(fetch(base + job["result_url"]))
    if len(result["tasks"]) != TASKS:
        sys.exit(f"smoke test failed: {len(result['tasks'])} tasks in the result, {TASKS} expected")
    sys.stdout.write(f"smoke test passed: {TASKS} tasks converted by {job['release']}\n")


def wait_until_done(url: str) -> None:
    deadline = time.monotonic() + WITHIN
    while (job := json.loads(fetch(url)))["status"] != "done":
        if job["status"] == "failed":
            sys.exit(f"smoke test failed: {job['error']}")
        if time.monotonic() > deadline:
            sys.exit(f"smoke test failed: the conversion is still {job['status']} after {WITHIN:g} s")
        time.sleep(0.1)


def post_file(url: str, content: bytes, format: str) -> dict[str, Any]:
    part = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name="
    body = (
        f'{part}"format"\r\n\r\n{format}\r\n{part}"file"; filename="smoke.xml"\r\n\r\n'.encode()
        + content
        + f"\r\n--{BOUNDARY}--\r\n".encode()
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer: dict[str, Any] = json.loads(fetch(urllib.request.Request(url, body, headers)))
    return answer


def fetch(request: str | urllib.request.Request) -> bytes:
    with urllib.request.urlopen(request, timeout=10) as answer:
        content: bytes = answer.read()
        return content


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except urllib.error.HTTPError as error:
        sys.exit(f"smoke test failed: {error.url} answered {error.code}: {error.read().decode(errors='replace')[:300]}")
    except OSError as error:
        sys.exit(f"smoke test failed: {error}")
