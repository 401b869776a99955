"""The parts of which several workers are made one: ids, figures, the table, the first line."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from gateway.doors.front_return import new_token
from gateway.running.listening import listen
from gateway.switchboard import BusyError, Switchboard
from gateway.taps.metrics import Metrics
from gateway.workers import child, link, supervisor
from gateway.workers.elsewhere import Elsewhere, Peers
from gateway.workers.figures import Figures
from gateway.workers.merging import merged
from gateway.workers.naming import owner
from gateway.workers.sorting import Sorter
from gateway.workers.table import Seats, open_table


def test_a_call_names_its_worker_and_so_does_a_token(tmp_path: Path) -> None:
    with open_table(tmp_path, make=True) as table:
        board = Switchboard(10, seats=Seats(table, 29))
        call = board.new_call_id()
        assert owner(f"/api/calls/{call}/stop", "") == 29
        assert owner("/v1/realtime/calls/" + call.replace("call_", "rtc_"), "") == 29
        assert owner("/browser", f"returns=1&call={call}") == 29
        assert owner("/v1/realtime", f"call_id={call}") == 29
        assert owner("/v1/realtime", f"resume={new_token(board.mark)}") == 29


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/twilio/voice", ""),
        ("/browser", "returns=1"),
        ("/browser", "call=call_00"),
        ("/api/calls", "limit=5"),
        ("/v1/realtime", "call_id=call_" + "z" * 18),
        ("/v1/realtime", "resume=resume_nothing"),
    ],
    ids=["webhook", "new", "short", "list", "no-hex", "no-mark"],
)
def test_whatever_names_no_call_is_for_any_worker(path: str, query: str) -> None:
    assert owner(path, query) is None


def test_lines_are_counted_over_all_workers(tmp_path: Path) -> None:
    with open_table(tmp_path, make=True) as table, open_table(tmp_path) as other:
        one, two = Seats(table, 0), Seats(other, 1)
        board = Switchboard(3, seats=one)
        two.take(2)
        assert (board.occupied, one.others, two.others) == (2, 2, 0)
        board.new_call_id()
        two.take(3)
        with pytest.raises(BusyError, match="All 3 lines are busy"):
            board.new_call_id()
        two.take(0)
        assert board.ready


def test_figures_of_workers_add_up_and_those_of_the_dead_stay_counted() -> None:
    pages = []
    for calls in (1, 2, 4):
        metrics = Metrics()
        metrics.gauge("loop_lag_seconds", "late", lambda calls=calls: calls / 10)
        metrics.gauge("calls_refused", "since the start", lambda calls=calls: calls)
        metrics.live.set(calls)
        metrics.calls.inc(calls)
        metrics.latency.observe(calls / 4)
        metrics.tools.labels('with "quotes"').inc()
        pages.append(metrics.page().decode())
    told = merged(pages[:2], gone=pages[2:])
    found = {
        sample.name + str(sample.labels): sample.value for f in parse(told) for sample in f.samples
    }
    assert found["trunkline_calls_live{}"] == 3
    assert found["trunkline_calls_total{}"] == 7
    assert found["trunkline_calls_refused{}"] == 7
    assert found["trunkline_loop_lag_seconds{}"] == 0.2
    assert found["trunkline_voice_to_voice_seconds_count{}"] == 3
    assert found["trunkline_voice_to_voice_seconds_bucket{'le': '0.5'}"] == 2
    assert found["trunkline_tool_calls_total{'status': 'with \"quotes\"'}"] == 3


async def test_no_sum_falls_where_a_worker_dies_and_another_counts_on(tmp_path: Path) -> None:
    def worker(slot: int) -> Metrics:
        metrics = Metrics()
        metrics.retold = Figures(tmp_path, slot).told
        return metrics

    def calls(told: dict[int, str]) -> tuple[float, float]:
        page = Peers(tmp_path, 1).figures(told)
        found = {sample.name: sample.value for f in parse(page) for sample in f.samples}
        return found["trunkline_calls_total"], found["trunkline_calls_live"]

    first, other = worker(0), worker(1)
    other.calls.inc(2)
    first.calls.inc(5)
    first.live.inc()
    told = {0: first.page().decode(), 1: other.page().decode()}
    assert calls(told) == (7, 1)
    del told[0]  # dead or frozen, it answers nobody
    assert calls(told) == (7, 0)
    second = worker(0)
    second.calls.inc()
    assert calls(told) == (7, 0), "until it is asked"
    assert calls({0: second.page().decode(), **told}) == (8, 0)
    third = worker(0)
    assert calls({0: third.page().decode(), **told}) == (8, 0)


async def test_asking_another_worker_loads_no_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loads(*arguments: object, **named: object) -> None:
        raise AssertionError("a call would stand still meanwhile")

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", loads)
    scope = {"type": "http", "method": "GET", "path": "/metrics", "query_string": b""}
    request = Request({**scope, "headers": [(b"host", b"here")], "server": ("here", 80)})
    assert await Peers(tmp_path, 0).ask(1, request, b"") is None


@contextmanager
def no_more_files() -> Iterator[None]:
    """This process may open none."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_connections_wait_while_no_more_files_may_be_opened(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "REST", 0.05)
    station = link.Station("", 0, 1, 0.0, False, False, ("text", "info"), (), 0)
    told = link.Told("worker", 0, str(tmp_path), 0, 0, "", [])
    with open_table(tmp_path, make=True) as table, socket.socket() as caller:
        parent = supervisor.Supervisor(station, told, table)
        bound = listen("127.0.0.1", 0)
        parent.accept("audiosocket", bound)
        parent.stop(signal.SIGTERM)  # there is no worker, and none will come: who comes is let go
        with no_more_files():
            caller.connect(bound.getsockname())
            for _ in range(100):
                await asyncio.sleep(0)
        said = [one for one in caplog.messages if one == "no connection can be accepted"]
        assert len(said) == 1, "it does not ring for ever"
        caller.setblocking(False)
        async with asyncio.timeout(10):
            assert not await asyncio.get_running_loop().sock_recv(caller, 1), "let go of"
        parent.close()


async def test_a_worker_that_takes_no_connections_is_known_by_the_first_that_waits(
    tmp_path: Path,
) -> None:
    with open_table(tmp_path, make=True) as table, open_table(tmp_path) as theirs:
        worker = await child.begin(link.Told("worker", 3, str(tmp_path), 0, 0, "", []))
        try:
            assert worker.waits(table.taken(3)) == 0
            worker.given()
            worker.given()
            first = worker.waits(table.taken(3))
            theirs.take(3)
            assert worker.waits(table.taken(3)) > 0, "the second waits still"
            assert first > 0
            theirs.take(3)
            assert worker.waits(table.taken(3)) == 0
            assert table.total() == 0, "these are no calls"
        finally:
            worker.signal(signal.SIGKILL)
            await worker.process.wait()
            worker.close()


async def test_a_connection_is_sorted_by_its_first_line_which_stays_to_be_read() -> None:
    given: asyncio.Queue[tuple[socket.socket, int | None]] = asyncio.Queue()
    sorter = Sorter(lambda connection, slot: given.put_nowait((connection, slot)))
    ours, theirs = socket.socketpair()
    silent, gone = socket.socketpair()
    with ours, theirs, silent:
        sorter.add(theirs)
        sorter.add(gone)
        ours.sendall(b"GET /browser?call=call_07")
        await asyncio.sleep(0.05)
        assert given.empty()
        ours.sendall(b"0123456789abcdef HTTP/1.1\r\n")
        connection, slot = await given.get()
        assert slot == 7
        assert connection.recv(100).startswith(b"GET /browser")
        sorter.close()
        assert gone.fileno() == -1


def test_a_connection_goes_to_another_process_with_the_name_of_its_port() -> None:
    pipe, mouth = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours, theirs = socket.socketpair()
    mouth.setblocking(False)
    with pipe, mouth, ours:
        assert link.take(mouth) is None
        assert link.give(pipe, "http", theirs)
        assert theirs.fileno() == -1
        found = link.take(mouth)
        assert found is not None
        name, connection = found
        assert connection is not None
        with connection:
            ours.sendall(b"hello")
            assert (name, connection.recv(5)) == ("http", b"hello")


def test_a_connection_for_which_there_is_no_room_is_told_of_by_its_port() -> None:
    pipe, mouth = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours, theirs = socket.socketpair()
    mouth.setblocking(False)
    with pipe, mouth, ours:
        assert link.give(pipe, "http", theirs)
        with no_more_files():
            assert link.take(mouth) == ("http", None)
        assert link.take(mouth) is None


@pytest.mark.parametrize(
    ("slot", "lives", "status"), [(1, True, 421), (1, False, 404), (0, True, 404)]
)
async def test_an_upgrade_on_a_connection_that_others_have_used_is_sent_to_another(
    tmp_path: Path, slot: int, lives: bool, status: int
) -> None:
    async def own(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.http.response.start", "status": 404, "headers": []})

    said: list[int] = []

    async def send(message: Message) -> None:
        said.append(message.get("status", 0))

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    if lives:
        (tmp_path / "w-1.sock").touch()
    query = f"call=call_{slot:02x}0123456789abcdef".encode()
    scope = {"type": "websocket", "path": "/browser", "query_string": query, "headers": []}
    await Elsewhere(own, Peers(tmp_path, 0), 0)(scope, receive, send)
    assert said[0] == status
