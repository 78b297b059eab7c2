"""Who may take which job, and when: on SQLite, and the same on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy

from conversormpp import jobs as jobs_module
from conversormpp.jobs import Base, Jobs, Seat
from conversormpp.plan import Plan

BLUE = Seat("host:data:1.0.0", "1.0.0", ("ping", "csv"))
GREEN = Seat("host:data:1.1.0", "1.1.0", ("ping", "csv", "mspdi"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'jobs.db'}"
        return
    url = request.getfixturevalue("postgresql")
    yield url
    engine = sqlalchemy.create_engine(url)
    Base.metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture
def jobs(url: str) -> Jobs:
    return Jobs(url)


def age(url: str, seconds: float) -> None:
    """Make every job, and every lease, older."""
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.update(jobs_module.Conversion).values(
                created=jobs_module.Conversion.created - seconds,
                lease_until=jobs_module.Conversion.lease_until - seconds,
            )
        )
    engine.dispose()


def add(jobs: Jobs, release: str = "1.0.0", format: str = "csv", probe: bool = False) -> str:
    return jobs.add("plan.mpp", format, 1, release, probe=probe).id


def claimed(jobs: Jobs, seat: Seat) -> str | None:
    job = jobs.claim(seat)
    return job and job.id


def test_the_oldest_job_is_taken_first_and_only_once(jobs: Jobs) -> None:
    first, second = add(jobs), add(jobs)
    assert [claimed(jobs, BLUE), claimed(jobs, Seat("other", "1.0.0", BLUE.formats))] == [first, second]
    assert claimed(jobs, Seat("third", "1.0.0", BLUE.formats)) is None


def test_many_workers_at_once_never_take_the_same_job(jobs: Jobs) -> None:
    added = {add(jobs) for _ in range(30)}
    seats = [Seat(f"worker {number}", "1.0.0", BLUE.formats) for number in range(30)]
    with ThreadPoolExecutor(8) as pool:
        taken = [id for id in pool.map(lambda seat: claimed(jobs, seat), seats) if id is not None]
    taken += iter(lambda: claimed(jobs, Seat("last", "1.0.0", BLUE.formats)), None) if len(taken) < 30 else []
    assert len(taken) == len(set(taken))
    assert set(taken) == added


def test_another_release_takes_a_job_only_when_it_has_waited(jobs: Jobs, url: str) -> None:
    id = add(jobs, release="1.0.0")
    assert not jobs.waiting(GREEN)
    assert claimed(jobs, GREEN) is None
    age(url, jobs_module.STRANGERS_WAIT)
    assert jobs.waiting(GREEN)
    assert claimed(jobs, GREEN) == id


def test_a_release_leaves_formats_alone_that_it_does_not_know(jobs: Jobs, url: str) -> None:
    add(jobs, release="1.1.0", format="mspdi")
    age(url, jobs_module.STRANGERS_WAIT)
    assert claimed(jobs, BLUE) is None


def test_a_health_check_is_answered_by_its_own_release_only(jobs: Jobs, url: str) -> None:
    id = add(jobs, release="1.0.0", format="ping", probe=True)
    age(url, jobs_module.STRANGERS_WAIT)
    assert claimed(jobs, GREEN) is None
    assert claimed(jobs, BLUE) == id


def test_a_renewed_job_stays_with_its_worker_and_a_forgotten_one_is_taken_over(jobs: Jobs, url: str) -> None:
    id = add(jobs)
    assert claimed(jobs, BLUE) == id
    age(url, jobs_module.STRANGERS_WAIT)  # longer than a lease
    jobs.renew(BLUE)
    assert claimed(jobs, GREEN) is None
    age(url, jobs_module.STRANGERS_WAIT)  # longer than a lease
    assert claimed(jobs, GREEN) == id


def test_the_next_worker_in_the_seat_takes_over_at_once(jobs: Jobs) -> None:
    id = add(jobs)
    assert claimed(jobs, BLUE) == id
    assert claimed(jobs, BLUE) is None  # a worker does not take what it is doing
    assert jobs.waiting(BLUE)
    jobs.take_seat(BLUE)
    again = jobs.claim(BLUE)
    assert again is not None
    assert (again.id, again.attempts) == (id, 2)


def test_a_worker_that_lost_its_job_does_not_finish_it(jobs: Jobs, url: str, plan: Plan) -> None:
    id = add(jobs)
    jobs.claim(BLUE)
    age(url, jobs_module.STRANGERS_WAIT)  # longer than a lease
    jobs.claim(GREEN)
    jobs.failed(id, BLUE.worker, "late")
    job = jobs.get(id)
    assert job is not None
    assert job.status == "running"
    jobs.done(id, GREEN.worker, plan)
    job = jobs.get(id)
    assert job is not None
    assert (job.status, job.tasks, job.resources, job.error) == ("done", 2, 2, "")


def test_the_history_is_newest_first_paged_and_without_health_checks(jobs: Jobs) -> None:
    ids = [add(jobs) for _ in range(5)]
    add(jobs, probe=True)
    pages = [jobs.page(number, 2) for number in (1, 2, 3, 4)]
    assert [job.id for page, _ in pages for job in page] == ids[::-1]
    assert {total for _, total in pages} == {5}


def test_a_search_takes_its_words_literally(jobs: Jobs) -> None:
    jobs.add("100%_done.mpp", "csv", 1, "1.0.0")
    jobs.add("1000 done.mpp", "csv", 1, "1.0.0")
    found, total = jobs.page(1, 10, "0%_D")
    assert ([job.filename for job in found], total) == (["100%_done.mpp"], 1)


def test_instances_that_start_at_once_all_find_their_tables(url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda _: add(Jobs(url)), range(8)))
    assert Jobs(url).page(1, 10)[1] == len(added) == 8
