"""The conversions: history, job states and, with them, the embedded queue; one table, in SQLite or PostgreSQL.

Who may take a job is one rule (`_takeable`), whatever brings it to a worker:
a release's jobs belong to its own worker at once (a canary's conversion must be the canary's work), and to any other
release's worker that knows the format after a moment, so that no job is lost with its release. A running job is held by
a lease that its worker renews; it is free again when the lease has run out, or when the next worker takes the seat.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    ColumnElement,
    Engine,
    Update,
    and_,
    create_engine,
    delete,
    event,
    func,
    inspect,
    or_,
    select,
    update,
)  # fmt: skip
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import NullPool

from conversormpp.details import Details, of_plan, of_upload
from conversormpp.plan import Plan

MIGRATIONS = Path(__file__).parents[1] / "migrations"
LEASE = 5.0  # seconds for which a worker holds a job without renewing
STRANGERS_WAIT = 10.0  # seconds before another release's worker may take a waiting job
ATTEMPTS = 3  # a job that kills its worker must not kill workers for ever
PING = "ping"  # the format of a job that asks for nothing but an answer
UNFINISHED = ("queued", "running")


class Base(DeclarativeBase):
    pass


class Conversion(Details, Base):
    """Times are seconds since the epoch; `probe` rows belong to health checks and are no part of the history."""

    __tablename__ = "conversions"

    id: Mapped[str] = mapped_column(primary_key=True)
    filename: Mapped[str]
    format: Mapped[str]
    release: Mapped[str]
    probe: Mapped[bool]
    created: Mapped[float] = mapped_column(index=True)
    status: Mapped[str] = mapped_column(index=True, default="queued")
    error: Mapped[str] = mapped_column(default="")
    tasks: Mapped[int | None]
    finished: Mapped[float | None]
    attempts: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str] = mapped_column(default="")
    lease_until: Mapped[float] = mapped_column(default=0.0)


class Check(Base):
    """What the database's health check writes, reads and deletes."""

    __tablename__ = "checks"

    id: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


@dataclass(frozen=True)
class Seat:
    """Who works: the worker's name, its release and the formats it knows."""

    worker: str
    release: str
    formats: tuple[str, ...]


class Jobs:
    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._has_tables = False

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """A transaction. The tables are there from the first use, so that a service without its database can say so."""
        if not self._has_tables:
            _make_tables(self._engine)
            self._has_tables = True
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    def add(
        self, filename: str, format: str, size: int, release: str, *, id: str = "", probe: bool = False
    ) -> Conversion:
        job = Conversion(
            id=id or uuid4().hex, filename=filename, format=format, release=release, probe=probe, created=time.time(),
            **of_upload(size),
        )  # fmt: skip
        with self._session() as session:
            session.add(job)
        return job

    def get(self, id: str) -> Conversion | None:
        with self._session() as session:
            return session.get(Conversion, id)

    def page(self, number: int, size: int, search: str = "") -> tuple[Sequence[Conversion], int]:
        """The page of the history (1 is the newest), and how many conversions there are in all."""
        wanted = and_(~Conversion.probe, Conversion.filename.icontains(search, autoescape=True))
        newest = select(Conversion).where(wanted).order_by(Conversion.created.desc(), Conversion.id)
        with self._session() as session:
            total = session.scalar(select(func.count()).select_from(Conversion).where(wanted)) or 0
            return session.scalars(newest.offset((number - 1) * size).limit(size)).all(), total

    def waiting(self, seat: Seat) -> bool:
        """Whether there is a job for this seat's worker, or one that it holds."""
        for_it = or_(_takeable(seat), _held(seat.worker))
        with self._session() as session:
            return session.scalar(select(Conversion.id).where(for_it).limit(1)) is not None

    def take_seat(self, seat: Seat) -> None:
        """A new worker sits down: what runs in its name was left by a dead one, for a seat has one worker at a time."""
        self._execute(update(Conversion).where(_held(seat.worker)).values(status="queued"))

    def claim(self, seat: Seat, id: str | None = None) -> Conversion | None:
        """Take that job, or the oldest one, for the seat's worker; None when there is none to take."""
        free = select(Conversion.id).where(_takeable(seat)).order_by(Conversion.created).limit(1)
        if id is not None:
            free = free.where(Conversion.id == id)
        taken = update(Conversion).where(Conversion.id == free.with_for_update(skip_locked=True).scalar_subquery())
        with self._session() as session:
            return session.scalars(
                taken.values(
                    status="running",
                    worker=seat.worker,
                    attempts=Conversion.attempts + 1,
                    lease_until=time.time() + LEASE,
                ).returning(Conversion),
                execution_options={"synchronize_session": False},
            ).one_or_none()

    def renew(self, seat: Seat) -> None:
        self._execute(update(Conversion).where(_held(seat.worker)).values(lease_until=time.time() + LEASE))

    def done(self, id: str, worker: str, plan: Plan | None) -> None:
        found = {} if plan is None else {"tasks": len(plan.tasks), **of_plan(plan)}
        self._finish(id, worker, status="done", **found)

    def failed(self, id: str, worker: str, error: str) -> None:
        self._finish(id, worker, status="failed", error=error)

    def _finish(self, id: str, worker: str, **values: Any) -> None:
        own = and_(Conversion.id == id, _held(worker))
        self._execute(update(Conversion).where(own).values(finished=time.time(), **values))

    def _execute(self, statement: Update) -> None:
        with self._session() as session:
            session.execute(statement, execution_options={"synchronize_session": False})

    def delete(self, id: str) -> None:
        with self._session() as session:
            session.execute(delete(Conversion).where(Conversion.id == id))

    def forget_probes(self, older_than: float) -> None:
        """Delete what health checks left that were killed before they could tidy up; `older_than` in seconds."""
        with self._session() as session:
            session.execute(delete(Conversion).where(Conversion.probe, Conversion.created < time.time() - older_than))

    def check(self) -> None:
        """Write, read and delete a row. Raises SQLAlchemyError, or ValueError when it is not what was written."""
        row = Check(id=uuid4().hex, value=uuid4().hex)
        with self._session() as session:
            session.add(row)
        with self._session() as session:
            if session.scalar(select(Check.value).where(Check.id == row.id)) != row.value:
                raise ValueError("what was read is not what was written")
            session.execute(delete(Check).where(Check.id == row.id))


def _takeable(seat: Seat) -> ColumnElement[bool]:
    now = time.time()
    own = Conversion.release == seat.release
    strangers = and_(~Conversion.probe, Conversion.created < now - STRANGERS_WAIT)
    free = or_(
        Conversion.status == "queued",
        and_(Conversion.status == "running", Conversion.lease_until < now),
    )
    return and_(free, or_(own, strangers), Conversion.format.in_(seat.formats))


def _held(worker: str) -> ColumnElement[bool]:
    return and_(Conversion.worker == worker, Conversion.status == "running")


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    # A new connection each time: a pooled one would go on working on a database file that somebody has removed.
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": 10})

    @event.listens_for(engine, "connect")
    def _tune(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")

    return engine


def _make_tables(engine: Engine) -> None:
    """Make the tables of this release where there are none. Who has some migrates them himself, as comporta does.

    Two instances may do it at once: who loses the race finds the tables at the next try.
    """
    for last_try in (False, False, False, False, True):
        try:
            with engine.begin() as connection:
                if engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("BEGIN IMMEDIATE")  # or each statement would be a transaction
                if not inspect(connection).has_table(Conversion.__tablename__):
                    for statement in _statements():
                        connection.exec_driver_sql(statement)
            return
        except DBAPIError:
            if last_try:
                raise
            time.sleep(0.05)


def _statements() -> Iterator[str]:
    for path in sorted(MIGRATIONS.glob("*.up.sql")):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("--")]
        yield from filter(str.strip, "\n".join(lines).split(";"))
