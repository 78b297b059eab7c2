"""The web side: pages and API. It needs no Java: it stores uploads, queues jobs and serves results."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from jinja2 import Environment, FileSystemLoader
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from conversormpp.details import shown
from conversormpp.edge import Edge
from conversormpp.faults import Faults
from conversormpp.health import Health, outcome
from conversormpp.jobs import UNFINISHED, Conversion, Jobs
from conversormpp.keeper import Keeper
from conversormpp.preview import NotPreviewable, preview
from conversormpp.queues import QueueDown, open_queue
from conversormpp.release import Release
from conversormpp.settings import Settings
from conversormpp.storage import Storage, StorageError
from conversormpp.uploads import Upload, read_upload

MAX_PAGE = 100
UNAVAILABLE = (SQLAlchemyError, QueueDown, *StorageError)
templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)


class Site:
    """The endpoints. Plain functions run in a thread, so that no database call holds up the event loop."""

    def __init__(self, settings: Settings, release: Release, faults: Faults, instance: str) -> None:
        self._settings, self._release, self._faults, self._instance = settings, release, faults, instance
        self._jobs = Jobs(settings.database_url)
        self._storage = Storage(settings.storage_url)
        self._queue = open_queue(settings.queue_url, release.version)
        self._keeper = Keeper(settings, self._jobs, release.seat(settings))
        self._health = Health(self._jobs, self._storage, self._queue, self._keeper, release.version)

    def routes(self) -> list[Route]:
        health = self._health
        return [
            Route("/", self.page),
            Route("/health", self.health),
            Route("/api/health/database", _checked(health.check_database)),
            Route("/api/health/storage", _checked(health.check_storage)),
            Route("/api/health/queue", _checked(health.check_queue)),
            Route("/api/health/performance", _checked(health.check_performance)),
            Route("/api/preview", self.preview, methods=["POST"]),
            Route("/api/conversions", self.convert, methods=["POST"]),
            Route("/api/conversions", self.history),
            Route("/api/conversions/{id}", self.status),
            Route("/api/conversions/{id}/result", self.result),
        ]

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self._keeper.start()
        yield
        await run_in_threadpool(self._keeper.stop)

    async def health(self, request: Request) -> Response:
        about = {"version": self._release.version, "instance": self._instance}
        if self._faults.never_healthy:
            return JSONResponse({"status": "error", "reason": "FAULT_NEVER_HEALTHY", **about}, 503)
        return JSONResponse({"status": "ok", **about})

    def page(self, request: Request) -> Response:
        listing = self._listing(request)
        return HTMLResponse(templates.get_template("index.html").render(release=self._release, **listing))

    def history(self, request: Request) -> Response:
        return JSONResponse(self._listing(request))

    def _listing(self, request: Request) -> dict[str, Any]:
        page, size = _count(request, "page", 1), min(_count(request, "size", 20), MAX_PAGE)
        search = request.query_params.get("q", "") if self._release.search else ""
        jobs, total = self._jobs.page(page, size, search)
        pages = max(1, -(-total // size))
        return {"items": [_shown(job) for job in jobs], "page": page, "pages": pages, "total": total, "q": search}

    async def preview(self, request: Request) -> Response:
        upload = await read_upload(request, self._settings.max_upload)
        return JSONResponse(await run_in_threadpool(preview, upload.content))

    async def convert(self, request: Request) -> Response:
        upload = await read_upload(request, self._settings.max_upload)
        if upload.format not in self._release.exporters:
            raise HTTPException(400, f"the format is one of {', '.join(self._release.exporters)}")
        shown = _shown(await run_in_threadpool(self._accept, upload))
        return JSONResponse(shown, 202, headers={"Location": shown["url"]})

    def _accept(self, upload: Upload) -> Conversion:
        id = uuid4().hex
        self._storage.put(f"uploads/{id}", upload.content)  # before the row, which a worker may take at once
        job = self._jobs.add(upload.filename, upload.format, len(upload.content), self._release.version, id=id)
        try:
            self._queue.put(id)
        except QueueDown:
            self._jobs.delete(id)
            raise
        self._keeper.wake()
        return job

    def status(self, request: Request) -> Response:
        return JSONResponse(_shown(self._job(request)))

    def result(self, request: Request) -> Response:
        job = self._job(request)
        if job.status in UNFINISHED:
            raise HTTPException(409, f"the conversion is {job.status}: ask again", headers={"Retry-After": "1"})
        if job.status == "failed":
            raise HTTPException(422, job.error)
        exporter = self._release.exporters.get(job.format)  # None: a later release made it
        name = f"{PurePath(job.filename).stem}.{exporter.extension if exporter else job.format}"
        media_type = exporter.media_type if exporter else "application/octet-stream"
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
        return Response(self._storage.get(f"results/{job.id}"), media_type=media_type, headers=headers)

    def _job(self, request: Request) -> Conversion:
        job = self._jobs.get(request.path_params["id"])
        if job is None:
            raise HTTPException(404, "there is no such conversion")
        return job


def build_app(settings: Settings, release: Release, faults: Faults, instance: str) -> Edge:
    site = Site(settings, release, faults, instance)
    handlers: dict[Any, Any] = {HTTPException: _refused, NotPreviewable: _unreadable}
    handlers.update(dict.fromkeys(UNAVAILABLE, _unavailable))
    app = Starlette(routes=site.routes(), lifespan=site.lifespan, exception_handlers=handlers)
    return Edge(app, release.version, faults)


def _checked(check: Callable[[], None]) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        answer = outcome(check)
        return JSONResponse(answer, 200 if answer["status"] == "ok" else 503)

    return endpoint


def _shown(job: Conversion) -> dict[str, Any]:
    url = f"/api/conversions/{job.id}"
    return {
        "id": job.id,
        "filename": job.filename,
        "format": job.format,
        "status": job.status,
        "error": job.error or None,
        "attempts": job.attempts,
        "tasks": job.tasks,
        **shown(job),
        "release": job.release,
        "created": _time(job.created),
        "finished": None if job.finished is None else _time(job.finished),
        "url": url,
        "result_url": f"{url}/result",
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _count(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name, str(default))
    if not (value.isascii() and value.isdigit() and 0 < int(value) < 1_000_000):
        raise HTTPException(400, f"{name} is a whole number from 1 on")
    return int(value)


async def _refused(request: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _unreadable(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 422)


async def _unavailable(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"cannot do it now: {str(error).splitlines()[0]}"}, 503)
