"""The outermost layer of the app: the version header, the faults on purpose, and one logged line for each failure."""

from __future__ import annotations

import itertools
import logging

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conversormpp.faults import Faults

log = logging.getLogger("conversormpp")


class Edge:
    def __init__(self, app: ASGIApp, version: str, faults: Faults) -> None:
        self._app = app
        self._header = (b"x-app-version", version.encode())
        self._faults = faults
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        answered = False

        async def stamp(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                message["headers"].append(self._header)
            await send(message)

        try:
            await self._faults.strike(scope["path"], next(self._numbers))
            await self._app(scope, receive, stamp)
        except Exception as error:
            reason = " ".join(str(error).split())
            log.error("%s %s failed: %s: %s", scope["method"], scope["path"], type(error).__name__, reason)
            if not answered:
                await JSONResponse({"error": "internal error"}, 500)(scope, receive, stamp)
