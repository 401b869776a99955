"""A caller's leg over real WebSockets: joining, talking, leaving, and callers that misbehave."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from audio.format import pcm16
from gateway.call import effects as to
from gateway.call import events as of
from gateway.callers.browser import SUBPROTOCOL, BrowserDialect, Greeting
from gateway.callers.parting import MAX_FRAME, Limits
from gateway.callers.websocket import WebSocketLeg
from gateway.doors.tickets import TooManyTicketsError
from gateway.sockets.upgrade import Upgrade

START = '{"type":"start","reports":true}'
FRAME = b"\1\0" * 480


@dataclass
class Served:
    """One call at the door: its leg, what it was fed, and when it was over."""

    leg: WebSocketLeg
    fed: list[of.Event] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def feed(self, event: of.Event | bytes) -> None:
        self.fed.append(of.CallerAudio(event) if isinstance(event, bytes) else event)
        self.changed.set()

    async def wait_for(self, kind: type[of.Event]) -> Any:
        while not (found := [event for event in self.fed if isinstance(event, kind)]):
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 10)
        return found[-1]

    def left(self) -> list[str]:
        return [event.reason for event in self.fed if isinstance(event, of.CallerLeft)]


class Door:
    """A server whose every WebSocket is a leg."""

    def __init__(self, rate: int, limits: Limits | None) -> None:
        self.rate, self.limits = rate, limits
        self.served: asyncio.Queue[Served] = asyncio.Queue()
        self.address = ""

    async def answer(self, websocket: WebSocket) -> None:
        dialect = BrowserDialect(Greeting("call_1", "embedded", "gateway"))
        leg = WebSocketLeg(
            websocket, dialect, pcm16(self.rate), subprotocol=SUBPROTOCOL, limits=self.limits
        )
        served = Served(leg)
        self.served.put_nowait(served)
        await leg.run(served.feed)
        served.over.set()

    async def call(self, **options: Any) -> tuple[ClientConnection, Served]:
        client = await connect(self.address, subprotocols=[SUBPROTOCOL], **options)  # type: ignore[list-item]
        return client, await self.served.get()

    async def joined(self, **options: Any) -> tuple[ClientConnection, Served]:
        client, served = await self.call(**options)
        await client.send(START)
        assert json.loads(await client.recv())["type"] == "started"
        await served.wait_for(of.CallerJoined)
        return client, served


@asynccontextmanager
async def opened(rate: int = 24_000, limits: Limits | None = None) -> AsyncIterator[Door]:
    door = Door(rate, limits)
    app = Starlette(routes=[WebSocketRoute("/browser", door.answer)])
    listener = socket.create_server(("127.0.0.1", 0))
    door.address = f"ws://127.0.0.1:{listener.getsockname()[1]}/browser"
    config = uvicorn.Config(
        app,
        log_level="critical",
        ws=Upgrade,
        ws_max_size=MAX_FRAME * 2,
        lifespan="off",
        ws_per_message_deflate=False,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve(sockets=[listener]))
    try:
        yield door
    finally:
        server.force_exit = True
        server.should_exit = True
        await serving
        listener.close()


async def received_until_close(client: ClientConnection) -> tuple[list[Any], int, str]:
    frames: list[Any] = []
    with suppress(ConnectionClosed):
        while True:
            frame = await asyncio.wait_for(client.recv(), 10)
            frames.append(json.loads(frame) if isinstance(frame, str) else frame)
    assert client.close_code is not None
    return frames, client.close_code, client.close_reason or ""


async def test_a_caller_joins_talks_and_hangs_up() -> None:
    async with opened() as door:
        client, served = await door.joined()
        assert client.subprotocol == SUBPROTOCOL
        await client.send(FRAME)
        await client.send('{"type":"hangup"}')
        frames, code, _ = await received_until_close(client)
        await served.over.wait()
    assert served.fed == [
        of.CallerJoined(reports_playback=True),
        of.CallerAudio(FRAME),
        of.CallerLeft("hung up"),
    ]
    assert (frames, code) == ([{"type": "ended", "reason": "hung up"}], 1000)


async def test_close_writes_what_waits_says_farewell_and_feeds_nothing() -> None:
    async with opened() as door:
        client, served = await door.joined()
        served.leg.send(to.Play("a", FRAME, 0, 0))
        served.leg.send(to.ShowState("listening"))
        served.leg.close("the assistant hung up")
        served.leg.close("again")
        served.leg.send(to.ShowState("speaking"))  # too late, and no harm
        frames, code, _ = await received_until_close(client)
        await served.over.wait()
    assert [frame if isinstance(frame, bytes) else frame["type"] for frame in frames] == [
        *("audio", FRAME, "state", "ended"),
    ]
    assert code == 1000
    assert served.left() == []


async def test_a_line_that_breaks_is_one_departure() -> None:
    async with opened() as door:
        client, served = await door.joined()
        client.transport.abort()
        await asyncio.wait_for(served.over.wait(), 10)
        assert served.left() == ["line broke"]
        served.leg.send(to.ShowState("speaking"))
        served.leg.close("late")


async def test_closing_the_page_is_hanging_up() -> None:
    async with opened() as door:
        client, served = await door.joined()
        await client.close(1001)
        await asyncio.wait_for(served.over.wait(), 10)
    assert served.left() == ["hung up"]


@pytest.mark.parametrize(
    ("messages", "code", "name"),
    [
        ([FRAME], 1008, "protocol_violation"),
        (['{"type":"played","item":"a","samples":0,"generation":0}'], 1008, "protocol_violation"),
        (['{"type":'], 1007, "invalid_message"),
        ([START, START], 1008, "protocol_violation"),
        ([START, b"\0\0\0"], 1003, "unsupported_audio"),
        ([START, '{"type":"played","item":"a","samples":-1,"generation":0}'], 1007, None),
        ([START, b"\0" * (64 * 1024 + 2)], 1009, "too_large"),
        ([START, b"\0" * (MAX_FRAME + 2)], 1009, "too_large"),
        ([START, '{"type":"text","text":"' + "x" * MAX_FRAME + '"}'], 1009, "too_large"),
    ],
)
async def test_a_broken_protocol_is_an_error_message_a_close_code_and_one_departure(
    messages: list[str | bytes], code: int, name: str | None
) -> None:
    async with opened() as door:
        client, served = await door.call()
        for message in messages:
            await client.send(message)
        frames, closed, reason = await received_until_close(client)
        await served.over.wait()
    error = frames[-1]
    assert error["type"] == "error"
    assert error["code"] == (name or "invalid_message")
    assert error["message"].startswith("Expected")
    assert error["message"].startswith(reason)
    assert closed == code
    assert served.left() == ["broke its protocol"]


async def test_megabytes_in_one_frame_end_the_call_before_they_are_read() -> None:
    async with opened() as door:
        client, served = await door.joined()
        with suppress(ConnectionClosed):  # the server may close before all is written
            await client.send(b"\0" * (8 * 1024 * 1024))
        _, code, _ = await received_until_close(client)
        await asyncio.wait_for(served.over.wait(), 10)
    assert code in (1009, 1006)
    assert len(served.left()) == 1


async def test_a_peer_that_does_not_begin_is_sent_away() -> None:
    async with opened(limits=Limits(start=0.05)) as door:
        client, served = await door.call()
        frames, code, _ = await received_until_close(client)
        await served.over.wait()
    assert "begin within 0.05 s" in frames[0]["message"]
    assert code == 1008
    assert served.left() == ["did not begin the call"]


async def fill(served: Served) -> None:
    """Write until the peer's buffers are full and something waits in the outbox."""
    megabyte = b"\0" * (1024 * 1024)
    while not served.leg.waiting:
        served.leg.send(to.Play("a", megabyte, 0, 0))
        for _ in range(50):
            await asyncio.sleep(0)


def deaf(client: ClientConnection) -> None:
    client.transport.pause_reading()  # type: ignore[attr-defined]


@pytest.mark.parametrize("limits", [Limits(blocked=0.05, farewell=0.05), Limits(farewell=0.05)])
async def test_a_peer_that_does_not_read_is_given_up(limits: Limits) -> None:
    async with opened(limits=limits) as door:
        client, served = await door.joined(max_size=None)
        deaf(client)
        await fill(served)
        if limits.blocked > 1:  # the outbox runs over long before
            for at in range(5):
                served.leg.send(to.Play("a", b"\0" * (1024 * 1024), at, 0))
        await asyncio.wait_for(served.over.wait(), 10)
        assert served.left() == ["does not read"]
        assert served.leg.waiting == 0
        client.transport.abort()


async def test_a_flush_takes_back_what_was_not_written() -> None:
    async with opened() as door:
        client, served = await door.joined(max_size=None)
        deaf(client)
        await fill(served)
        served.leg.send(to.Play("b", FRAME, 0, 0))
        served.leg.send(to.ShowState("hearing"))
        served.leg.send(to.Flush(1))
        served.leg.send(to.Play("c", FRAME, 0, 1))
        client.transport.resume_reading()  # type: ignore[attr-defined]
        served.leg.close("done")
        frames, _, _ = await received_until_close(client)
        await served.over.wait()
    told = [frame for frame in frames if isinstance(frame, dict)]
    assert "b" not in {frame.get("item") for frame in told}
    assert [frame["type"] for frame in told[-4:]] == ["state", "flush", "audio", "ended"]


async def test_an_8_khz_call_meets_the_page_at_24_khz() -> None:
    async with opened(rate=8_000) as door:
        client, served = await door.joined()
        for _ in range(10):
            await client.send(FRAME)
        served.leg.send(to.Play("a", b"\0\0" * 1_600, 0, 0))
        assert json.loads(await client.recv())["type"] == "audio"
        pcm = await client.recv()
        assert 4_800 - 100 <= len(pcm) // 2 <= 4_800
        report = {"type": "played", "item": "a", "samples": len(pcm) // 2, "generation": 0}
        await client.send(json.dumps(report))
        assert await served.wait_for(of.CallerPlayed) == of.CallerPlayed("a", 1_600, 0)
        heard = sum(len(fact.pcm) for fact in served.fed if isinstance(fact, of.CallerAudio)) // 2
        assert 1_600 - 40 <= heard <= 1_600
        await client.close()
        await served.over.wait()


async def test_a_cancelled_leg_leaves_nothing_behind() -> None:
    async with opened() as door:
        client, served = await door.joined()
        before = asyncio.all_tasks()
        runner = next(task for task in before if "run_asgi" in repr(task.get_coro()))
        runner.cancel()
        await asyncio.wait([runner])
        await client.close()
    assert served.left() == []


class Line:
    """Puts nobody through, for a reason that is not the provider's."""

    async def transfer(self, target: str) -> None:
        raise TooManyTicketsError("no ticket is left for the order")

    async def hang_up(self, reason: str) -> None: ...


async def test_a_transfer_that_cannot_be_ordered_is_refused_and_the_call_goes_on() -> None:
    async with opened() as door:
        client, served = await door.joined()
        served.leg.line = Line()
        served.leg.send(to.Transfer("agent"))
        refused = await served.wait_for(of.TransferFailed)
        assert refused == of.TransferFailed("agent", "no ticket is left for the order")
        await client.send(FRAME)
        await served.wait_for(of.CallerAudio)
        await client.close()
        await served.over.wait()
