"""The users of the demonstration: page loads, posts, and whole conversions, on old and new connections."""

from __future__ import annotations

import asyncio
import json

from comporta.load import Client, LoadGenerator, Request, Scenario

RATE = 120.0
"""Arrivals a second."""
FRESH = 0.2
"""Share of the requests that come on a new connection."""
CONVERSION_WITHIN = 30.0

BOUNDARY = "comporta-demo-boundary"
FORM = (("Content-Type", f"multipart/form-data; boundary={BOUNDARY}"),)


def users(url: str, plan: bytes) -> LoadGenerator:
    """A load on the service; `plan` is the project file that they upload."""
    upload = _form(plan)
    return LoadGenerator(
        url,
        rate=RATE,
        fresh=FRESH,
        arrivals="poisson",
        watch=("X-App-Version",),
        mix=(
            Request("page", path="/", weight=0.40),
            Request("history", path="/api/conversions", weight=0.20),
            Request("preview", "POST", "/api/preview", upload, FORM, weight=0.39),
            Scenario("conversion", lambda client: _convert(client, upload), weight=0.01),
        ),
    )


async def _convert(client: Client, upload: bytes) -> None:
    """Upload a plan, wait for the conversion, and download the result, as the page does it."""
    answer = await client.request("POST", "/api/conversions", body=upload, headers=FORM, expect=(201, 202))
    job = json.loads(answer.body)["id"]
    async with asyncio.timeout(CONVERSION_WITHIN):
        while True:
            state = json.loads((await client.request("GET", f"/api/conversions/{job}")).body)["status"]
            if state == "done":
                break
            if state == "failed":
                raise RuntimeError(f"conversion {job} failed")
            await asyncio.sleep(0.3)
    await client.request("GET", f"/api/conversions/{job}/result")


def _form(plan: bytes) -> bytes:
    """The upload as a browser sends it: the file, and the format it is to become."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="format"\r\n\r\ncsv\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="plan.xml"\r\n'
        "Content-Type: application/xml\r\n\r\n"
    )
    return head.encode() + plan + f"\r\n--{BOUNDARY}--\r\n".encode()
