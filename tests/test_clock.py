"""The virtual clock: sleeping costs nothing, and nothing real is overtaken."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import websockets

from gateway import clock

EVER = 3600.0


def test_an_hour_of_sleeping_takes_no_time() -> None:
    async def main() -> float:
        await asyncio.sleep(EVER)
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert clock.run(main()) == pytest.approx(EVER)
    assert time.monotonic() - began < 1


def test_it_starts_where_it_is_told_to() -> None:
    async def main() -> float:
        return asyncio.get_running_loop().time()

    assert clock.run(main()) == 0
    assert clock.run(main(), start=1e6) == 1e6


def test_timers_fire_in_the_order_of_their_times_and_ties_the_same_way_each_time() -> None:
    async def main() -> list[str]:
        heard: list[str] = []

        async def say(word: str, after: float) -> None:
            await asyncio.sleep(after)
            heard.append(word)

        async with asyncio.TaskGroup() as group:
            for word, after in [("d", 0.3), ("b", 0.2), ("c", 0.2), ("a", 0.1), ("e", 7.0)]:
                group.create_task(say(word, after))
        return heard

    orders = {tuple(clock.run(main())) for _ in range(20)}
    assert len(orders) == 1
    assert sorted(orders.pop()[1:3]) == ["b", "c"]


def test_a_timeout_fires_at_its_time() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(12.5):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert clock.run(main()) == pytest.approx(12.5)


def test_a_minute_of_ping_pong_over_a_real_websocket_is_over_at_once() -> None:
    async def echo(socket: websockets.ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async def main() -> tuple[list[float], float]:
        loop = asyncio.get_running_loop()
        times = []
        async with websockets.serve(echo, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with websockets.connect(f"ws://127.0.0.1:{port}") as socket:
                for number in range(60):
                    await asyncio.sleep(1)
                    await socket.send(str(number))
                    async with asyncio.timeout(0.001):  # a real packet beats a virtual millisecond
                        assert await socket.recv() == str(number)
                    times.append(loop.time())
        return times, loop.time()

    began = time.monotonic()
    times, _ended = clock.run(main())
    assert time.monotonic() - began < 2
    assert times == pytest.approx([second + 1 for second in range(60)])


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while word := await reader.readline():
        writer.write(word)
    writer.close()


@asynccontextmanager
async def _connection() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """One to an echo, both ends of it with the loop."""
    async with await asyncio.start_server(_echo, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield reader, writer
        writer.close()
        await writer.wait_closed()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the bytes of a connection")
def test_connections_whose_bytes_have_all_arrived_cost_the_clock_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> float:
        async with _connection() as (reader, writer):
            await asyncio.to_thread(int)  # its thread stays, and has no more to say
            began = time.monotonic()
            with monkeypatch.context() as patch:
                patch.setattr(clock, "GRACE", 30.0)  # would be seen on any machine
                for _ in range(3):
                    writer.write(b"word\n")
                    assert await reader.readline() == b"word\n"
                    await asyncio.sleep(EVER)
                return time.monotonic() - began

    assert clock.run(main()) < 30


def test_bytes_that_were_seen_to_be_on_their_way_come_before_a_timer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock._Wires, "in_flight", lambda _: True)
    monkeypatch.setattr(clock, "FLIGHT", 30.0)

    async def main() -> float:
        async with _connection() as (reader, writer):
            end = writer.get_extra_info("socket")
            late = threading.Timer(0.05, os.write, (end.fileno(), b"word\n"))
            late.start()
            async with asyncio.timeout(0.001):
                assert await reader.readline() == b"word\n"
            monkeypatch.undo()
            late.join()
        return asyncio.get_running_loop().time()

    assert clock.run(main()) < 1


def test_uvicorn_serves_in_the_same_loop() -> None:
    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await asyncio.sleep(30)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def main() -> tuple[bytes, float]:
        config = uvicorn.Config(app, port=0, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.1)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        asked = asyncio.get_running_loop().time()
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        status = await reader.readline()
        took = asyncio.get_running_loop().time() - asked
        writer.close()
        await writer.wait_closed()
        server.should_exit = True
        await serving
        return status, took

    status, took = clock.run(main())
    assert b" 204 " in status
    assert took == pytest.approx(30, abs=0.01)


def test_no_timer_overtakes_a_job_in_a_thread() -> None:
    async def main() -> tuple[float, list[str]]:
        heard: list[str] = []
        loop = asyncio.get_running_loop()
        loop.call_later(0.001, heard.append, "timer")
        await asyncio.to_thread(time.sleep, 0.05)
        heard.append("job")
        now = loop.time()
        await asyncio.sleep(0.002)
        return now, heard

    now, heard = clock.run(main())
    assert heard == ["job", "timer"]
    assert now == 0


def test_a_thread_of_ones_own_may_hold_the_clock() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, clock.VirtualClockLoop)
        done = asyncio.Event()
        loop.call_later(1, done.set)
        with loop.hold():
            threading.Timer(0.02, loop.call_soon_threadsafe, [done.set]).start()
            await done.wait()
        return loop.time()

    assert clock.run(main()) == 0


def test_a_job_that_waits_for_a_timer_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "PATIENCE", 0.05)
    released = threading.Event()

    async def main() -> None:
        asyncio.get_running_loop().call_later(1, released.set)
        threading.Timer(0.08, released.set).start()  # so that the test has an end
        await asyncio.to_thread(released.wait)

    with pytest.raises(clock.StuckError, match=r"1 job\(s\) in an executor"):
        clock.run(main())


def test_a_child_process_lives_at_its_own_pace() -> None:
    async def main() -> tuple[bytes, float]:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "import time; time.sleep(0.05); print('here')"),
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(100):
            words, _ = await child.communicate()
        alive = asyncio.get_running_loop().time()
        await asyncio.sleep(EVER)
        return words, alive

    began = time.monotonic()
    words, alive = clock.run(main())
    assert words == b"here\n"
    assert alive < 50
    assert time.monotonic() - began < 20


async def _jump(far: float) -> float:
    """Real seconds that a jump takes where packets may be under way."""
    one, other = socket.socketpair()
    with one, other:
        for end in (one, other):
            end.setblocking(False)
        waiting = asyncio.create_task(asyncio.get_running_loop().sock_recv(one, 1))
        await asyncio.sleep(0)
        began = time.monotonic()
        await asyncio.sleep(far)
        took = time.monotonic() - began
        await asyncio.get_running_loop().sock_sendall(other, b"x")
        assert await waiting == b"x"
    return took


def test_the_limit_of_somebody_who_waits_is_not_reached_before_a_late_packet_is_there() -> None:
    assert clock.run(_jump(clock.FAR)) >= clock.PATIENT_GRACE
    assert min(clock.run(_jump(clock.FAR / 50)) for _ in range(5)) < clock.PATIENT_GRACE
