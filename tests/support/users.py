"""A user of a router, without a browser's memory: each request is on a new connection, and says what it remembers."""

from __future__ import annotations

import asyncio
from email.parser import BytesHeaderParser
from http.cookies import SimpleCookie


async def ask(
    address: str, host: str, cookie: str | None = None, wanted: str | None = None
) -> tuple[int | None, str | None]:
    """As `Stand.ask` of the router contract wants it, for a router that tells in X-Comporta-Release who answered."""
    lines = ["GET / HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"Cookie: theirs=1; comporta={cookie}; more=2"] if cookie is not None else []
    lines += [f"X-Comporta-Slot: {wanted}"] if wanted is not None else []
    reader, writer = await asyncio.open_connection(*address.rsplit(":", 1))
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode())
        status, _, head = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
        await reader.read()
    finally:
        writer.close()
    headers = BytesHeaderParser().parsebytes(head)
    answered = headers["X-Comporta-Release"] if status.split()[1] == b"200" else None
    issued = SimpleCookie("; ".join(headers.get_all("Set-Cookie", []))).get("comporta")
    return int(answered) if answered else None, issued.value if issued else None
