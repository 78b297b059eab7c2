"""The load generator against real servers, most of which misbehave on purpose."""

import asyncio
import json
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import h11
import pytest

from comporta.load import Client, LoadGenerator, Relay, Report, Request, RequestFailed, Scenario
from comporta.load.scratch_nginx import ScratchNginx, scratch_nginx

POST = Request("post", "POST", "/", b"x" * 1000)
Handler = Callable[[str, bytes, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def nginx() -> Iterator[ScratchNginx]:
    with scratch_nginx("location / { return 200 hello; } location /gone { return 404; }") as running:
        yield running


@asynccontextmanager
async def serving(handle: Handler) -> AsyncIterator[int]:
    """A server that calls `handle` with the request line, body and writer of each request; gives its port."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                _, _, length = head.partition("content-length: ")
                body = await reader.readexactly(int(length.split("\r\n")[0] or 0))
                await handle(head.split("\r\n")[0], body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def answer(writer: asyncio.StreamWriter, body: bytes = b"hello", headers: str = "") -> None:
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body)


async def load(port: int, duration: float = 0.5, rate: float = 100, timeout: float = 30, **options: object) -> Report:
    url = f"http://127.0.0.1:{port}"
    return await LoadGenerator(url, rate=rate, timeout=timeout, **options).run(duration)  # type: ignore[arg-type]


def run(handle: Handler, duration: float = 0.5, rate: float = 100, timeout: float = 30, **options: object) -> Report:
    async def main() -> Report:
        async with serving(handle) as port:
            return await load(port, duration, rate, timeout, **options)

    return asyncio.run(main())


def kinds(report: Report) -> dict[str, int]:
    return {kind: failure.count for kind, failure in report.failures.items()}


# Nothing is lost or counted twice


def test_every_request_that_was_due_is_one_sample(nginx: ScratchNginx) -> None:
    report = asyncio.run(load(nginx.port, 0.5, rate=400, connections=5))
    assert report.scheduled == len(report.samples) == len(report.answered) == 200
    assert [round((s.intended - report.begin) * 400) for s in report.samples] == list(range(200))
    assert all(s.intended <= s.started <= s.finished for s in report.samples)
    assert all((s.status, s.received) == (200, 5) for s in report.samples)
    assert sum(s.connection == "new" for s in report.samples) == 5


def test_poisson_arrivals_are_all_sampled_too(nginx: ScratchNginx) -> None:
    report = asyncio.run(load(nginx.port, 0.5, rate=400, arrivals="poisson", seed=3))
    assert report.scheduled == len(report.answered) > 100


def test_requests_cut_off_at_the_end_are_counted_as_unfinished() -> None:
    async def never(line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async def main() -> Report:
        async with serving(never) as port, LoadGenerator(f"http://127.0.0.1:{port}", rate=200) as running:
            await asyncio.sleep(0.2)
            return await running.stop(grace=0)

    report = asyncio.run(main())
    assert report.samples == []
    assert report.unfinished == report.scheduled > 0


def test_the_mix_follows_its_weights(nginx: ScratchNginx) -> None:
    mix = [Request("often", weight=3), Request("seldom", path="/gone", expect=(404,))]
    report = asyncio.run(load(nginx.port, 0.5, rate=800, mix=mix))
    shares = {name: kind["requests"] for name, kind in report.as_dict()["kinds"].items()}
    assert shares["often"] + shares["seldom"] == 400
    assert 250 < shares["often"] < 350
    assert not report.failed


def test_a_share_of_the_requests_opens_a_new_connection(nginx: ScratchNginx) -> None:
    report = asyncio.run(load(nginx.port, 0.5, rate=400, connections=4, fresh=0.5))
    assert 70 < sum(s.connection == "new" for s in report.samples) < 130
    assert not report.failed


def test_bodies_arrive_intact() -> None:
    bodies: list[bytes] = []
    sent = bytes(range(256)) * 1000

    async def keep(line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        bodies.append(body)
        answer(writer)

    report = run(keep, rate=40, connections=3, mix=[Request("post", "POST", "/", sent)])
    assert len(report.answered) == len(bodies) == 20
    assert set(bodies) == {sent}


# Losses are seen, and named


@pytest.mark.slow
def test_a_request_on_the_wire_when_the_server_closes_is_lost() -> None:
    rtt = 0.1
    answers = 0

    async def close_after_two(line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal answers
        answers += 1
        answer(writer)
        if answers % 2 == 0:
            # The client has the answer and its next request has left, but is not here yet.
            await asyncio.sleep(rtt * 0.6)
            writer.close()

    async def main() -> Report:
        async with serving(close_after_two) as port, Relay("127.0.0.1", port, rtt=rtt) as relay:
            return await load(relay.port, 0.5, rate=40, connections=1, mix=[POST])

    report = asyncio.run(main())
    assert len(report.samples) == report.scheduled == 20
    assert len(report.answered) == answers
    assert report.failed
    assert set(kinds(report)) <= {"eof", "reset"}
    assert {s.connection for s in report.failed} == {"kept"}


def test_a_connection_whose_close_has_been_received_is_not_used() -> None:
    async def close(line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        answer(writer)
        writer.close()

    report = run(close, rate=50, connections=1, mix=[POST])
    assert len(report.answered) == len(report.samples) == 25
    assert all(s.connection == "new" for s in report.samples)


def test_a_connection_is_not_used_after_connection_close() -> None:
    async def announce(line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        answer(writer, headers="connection: close\r\n")

    report = run(announce, rate=400, connections=2, mix=[POST])
    assert len(report.answered) == len(report.samples) == 200


def test_a_truncated_body_is_a_failure() -> None:
    async def truncate(line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello")
        writer.close()

    report = run(truncate)
    assert kinds(report) == {"truncated": 50}


def test_a_body_that_ends_with_the_connection_is_complete() -> None:
    async def until_close(line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nhello")
        writer.close()

    report = run(until_close)
    assert len(report.answered) == 50
    assert all(s.received == 5 for s in report.samples)


def test_a_reset_is_a_failure() -> None:
    async def reset(line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    assert kinds(run(reset)) == {"reset": 50}


def test_what_is_not_http_is_a_failure() -> None:
    async def babble(line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"good morning\r\n\r\n")

    assert kinds(run(babble)) == {"protocol": 50}


def test_an_unexpected_status_is_a_failure(nginx: ScratchNginx) -> None:
    report = asyncio.run(load(nginx.port, mix=[Request("get", path="/gone")]))
    assert kinds(report) == {"status": 50}
    assert report.samples[0].status == 404


def test_a_refused_connection_is_a_failure() -> None:
    with socket.socket() as bound:  # bound, but nobody listens
        bound.bind(("127.0.0.1", 0))
        report = asyncio.run(load(bound.getsockname()[1]))
    assert kinds(report) == {"connect": 50}


def test_no_answer_in_time_is_a_failure_and_so_is_no_connection_in_time() -> None:
    async def never(line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    report = run(never, timeout=0.2, connections=1, rate=500)
    assert len(report.samples) == report.scheduled == 250
    assert not report.answered
    assert set(kinds(report)) <= {"timeout", "queue"}
    assert all(s.latency >= 0.2 for s in report.samples)


def test_a_request_that_cannot_be_made_is_an_error_of_the_caller(nginx: ScratchNginx) -> None:
    wrong = Request("wrong", "POST", "/", b"too long", headers=(("Content-Length", "1"),))
    with pytest.raises(h11.LocalProtocolError):
        asyncio.run(load(nginx.port, mix=[wrong]))


# Honest latency


def test_a_stall_is_felt_by_every_request_due_during_it() -> None:
    stalled = asyncio.Lock()
    answers = 0

    async def stall_once(line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal answers
        async with stalled:
            answers += 1
            if answers == 50:
                await asyncio.sleep(0.3)
        answer(writer)

    report = run(stall_once, rate=200, duration=0.8, connections=1)
    assert len(report.answered) == 160
    # A closed loop would know one slow request; its service time alone does not reach the 99th percentile.
    assert sum(s.service >= 0.25 for s in report.answered) >= 1
    assert report.latency(99) >= 0.25
    assert sum(s.latency >= 0.1 for s in report.answered) >= 30


def test_the_answering_release_and_the_cut_over_are_known() -> None:
    serving_release = "blue"

    async def name_release(line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        answer(writer, headers=f"X-App-Version: 2\r\nX-Comporta-Slot: {serving_release}\r\n")

    async def main() -> tuple[Report, float]:
        nonlocal serving_release
        async with serving(name_release) as port, LoadGenerator(f"http://127.0.0.1:{port}", rate=200) as running:
            await asyncio.sleep(0.2)
            serving_release = "green"
            switched = asyncio.get_running_loop().time()
            await asyncio.sleep(0.2)
            return await running.stop(), switched

    report, switched = asyncio.run(main())
    assert set(report.releases()) == {"blue", "green"}
    assert report.cut_over(switched, "blue") == 0
    assert report.cut_over(switched, "green") > 0
    assert report.samples[0].headers == {"X-Comporta-Slot": "blue", "X-App-Version": "2"}


# Scenarios


async def job_server(line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
    if line.startswith("post /jobs"):
        answer(writer, b"/jobs/1")
    elif line.startswith("get /jobs/1"):
        answer(writer, b"done:/files/1")
    else:
        answer(writer, b"result")


async def convert(client: Client) -> None:
    job = (await client.request("POST", "/jobs", body=b"file", name="post")).body.decode()
    status = (await client.request("GET", job, name="poll")).body.decode()
    result = await client.request("GET", status.removeprefix("done:"), name="download")
    assert result.body == b"result"


def test_every_request_of_a_scenario_is_counted() -> None:
    report = run(job_server, mix=[Scenario("convert", convert)], rate=50)
    assert {name: kind["requests"] for name, kind in report.as_dict()["kinds"].items()} == {
        "post": 25,
        "poll": 25,
        "download": 25,
    }
    assert (report.scenarios["convert"].started, report.scenarios["convert"].completed) == (25, 25)
    posts = [s.intended - report.begin for s in report.samples if s.kind == "post"]
    assert posts == pytest.approx([n / 50 for n in range(25)])


def test_a_scenario_that_breaks_off_is_told_with_its_reason(nginx: ScratchNginx) -> None:
    async def lost(client: Client) -> None:
        await client.request("GET", "/gone")

    async def mistaken(client: Client) -> None:
        answered = await client.request("GET", "/")
        assert answered.body == b"goodbye", "not the answer hoped for"

    report = asyncio.run(load(nginx.port, mix=[Scenario("lost", lost), Scenario("mistaken", mistaken)]))
    assert report.scenarios["lost"].completed == report.scenarios["mistaken"].completed == 0
    assert report.scenarios["lost"].broken[0] == f"{RequestFailed.__name__}: GET /gone: status: status 404"
    assert "not the answer hoped for" in report.scenarios["mistaken"].broken[0]
    assert kinds(report) == {"status": report.scenarios["lost"].started}


# With a real nginx, and as a command


@pytest.mark.slow
def test_a_reload_of_nginx_loses_posts_over_a_network_and_they_are_seen() -> None:
    async def main(nginx: ScratchNginx) -> Report:
        async with Relay("127.0.0.1", nginx.port, rtt=0.05) as relay:
            url = f"http://127.0.0.1:{relay.port}"
            async with LoadGenerator(url, rate=200, mix=[POST], timeout=30) as running:
                for _ in range(3):
                    await asyncio.sleep(0.6)
                    nginx.reload()
                await asyncio.sleep(0.6)
                return await running.stop()

    with scratch_nginx("location / { return 200 hello; }") as nginx:
        report = asyncio.run(main(nginx))
    assert len(report.samples) == report.scheduled
    assert set(kinds(report)) <= {"eof", "reset"}
    assert report.failed


def command(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "comporta.load", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_the_command_prints_a_table(nginx: ScratchNginx) -> None:
    process = command(nginx.url, "--rate=100", "--duration=300ms", "--fresh=0.2", "--rtt=5ms", "--poisson")
    printed, _ = process.communicate()
    assert process.returncode == 0
    assert "latency (since due)" in printed
    assert " 0 failed" in printed


@pytest.mark.slow
def test_the_command_fails_when_a_request_did(nginx: ScratchNginx) -> None:
    options = ("--rate=50", "--duration=0.2", "--method=POST", "--body-size=1k", "--json")
    process = command(f"{nginx.url}/gone", *options)
    printed, _ = process.communicate()
    assert process.returncode == 1
    assert json.loads(printed)["failures"]["status"]["count"] == 10


@pytest.mark.slow
def test_an_interrupt_ends_the_command_with_the_report_so_far() -> None:
    asked = asyncio.Event()

    async def notice(line: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        asked.set()
        answer(writer)

    async def main() -> tuple[int, str]:
        async with serving(notice) as port:
            process = command(f"http://127.0.0.1:{port}", "--rate=50", "--duration=5m", "--json")
            await asked.wait()
            process.send_signal(signal.SIGINT)
            printed, _ = await asyncio.to_thread(process.communicate)
            return process.returncode, printed

    code, printed = asyncio.run(main())
    figures = json.loads(printed)
    assert code == 0
    assert figures["answered"] == figures["scheduled"] >= 1
    assert figures["duration"] < 300
