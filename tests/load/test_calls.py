"""Calls by every protocol through a whole gateway, followed on both sides; gateways that fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from audio.format import pcm16
from gateway.load import clips, upstream
from gateway.load.caller import Behaviour
from gateway.load.figures import Figures
from gateway.load.fleet import Fleet
from gateway.load.lines import webrtc
from gateway.load.lines.ways import PROTOCOLS, Target, own_target, own_variables, way_to
from gateway.load.script import Script
from gateway.running.listening import listen
from gateway.running.opening import listening, open_gateway
from gateway.settings import load
from tests.process import gateway_process
from tests.services import free_port

SPEECH = [Path(__file__).parents[2] / "samples" / "audio" / "commands" / "what_time.wav"]
TOKEN = "12345"
BRIEF = Behaviour(think=0.3, barge_in=1.0, barge_after=0.4, patience=5.0, answer=1.2)


def figures() -> Figures:
    firsts = [one.first for one in clips.read(SPEECH, pcm16(clips.PROBE_RATE))]
    return Figures(clips.probe(SPEECH), firsts)


def fleet(target: Target, taken: Figures) -> Fleet:
    way = way_to(target)
    return Fleet(way, clips.read(SPEECH, way.form), BRIEF, taken.push)


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not so():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def gateway(model: str, audiosocket: int) -> AsyncIterator[str]:
    settings = load(
        None,
        {
            "TRUNKLINE_ASSISTANT__KIND": "openai",
            "TRUNKLINE_ASSISTANT__BASE_URL": model,
            "TRUNKLINE_ASSISTANT__API_KEY": "any",
            "TRUNKLINE_TURNS__SECOND_OPINION": "false",
            "TRUNKLINE_LIMITS__LAG_MS": "0",
            "TRUNKLINE_BRIDGES__TWILIO__ENABLED": "true",
            "TRUNKLINE_BRIDGES__TWILIO__AUTH_TOKEN": TOKEN,
            **own_variables("audiosocket"),
            "TRUNKLINE_BRIDGES__AUDIOSOCKET__PORT": str(audiosocket),
        },
    )
    with listen("127.0.0.1", 0) as bound:
        async with open_gateway(settings) as opened, listening(opened, bound) as address:
            yield address


@pytest.mark.served_loop
async def test_calls_by_every_protocol_are_followed_on_both_sides_of_the_gateway() -> None:
    port = free_port()
    every = {protocol: figures() for protocol in PROTOCOLS}

    def tell(note: object) -> None:
        for taken in every.values():
            taken.push(note)  # type: ignore[arg-type]  # callers of others are unknown to it

    async with (
        upstream.serve(Script(answer=1.2, looked_at=1), tell) as model,
        gateway(model, port) as address,
    ):
        fleets = []
        for protocol, taken in every.items():
            target = own_target(protocol, address, TOKEN, f"127.0.0.1:{port}")
            fleets.append(fleet(target, taken))
        await asyncio.gather(*(one.grow(1, 100) for one in fleets))
        try:
            for protocol, taken in every.items():
                assert not taken.failures, protocol
                for name in ("up", "down", "voice_to_voice", "barge_in"):
                    await until(lambda taken=taken, name=name: bool(taken.series[name].values))
        finally:
            for one in fleets:
                await one.close()
    for protocol, taken in every.items():
        assert sum(taken.counts["lost"].values) == 0.0, protocol
        assert min(taken.series["voice_to_voice"].values) > 0.0, protocol


async def test_a_gateway_that_is_not_there_is_said_to_be_that() -> None:
    for target in (
        Target("twilio", f"http://127.0.0.1:{free_port()}/twilio/voice"),
        Target("audiosocket", f"audiosocket://127.0.0.1:{free_port()}"),
        Target("realtime", f"ws://127.0.0.1:{free_port()}/v1/realtime"),
    ):
        assert await causes(target) == {"nothing listens there": 3}


@pytest.mark.parametrize(
    ("answer", "target", "cause"),
    [
        (b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "http", "refused"),
        (b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "ws", "refused"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 47\r\n\r\n"
            b'<Response><Reject reason="busy"/></Response>   ',
            "http",
            "refused",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
            "http",
            "spoke another protocol",
        ),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "https", "spoke another protocol"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "wss", "spoke another protocol"),
        (b"\x10\x01\x40sound", "http", "spoke another protocol"),
        (b"", "http", "broke in the middle"),
        (b"", "ws", "broke in the middle"),
        (b"", "audiosocket", "refused"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "audiosocket", "spoke another protocol"),
    ],
    ids=[
        *("webhook-403", "upgrade-403", "busy", "no-twiml", "https-to-plain", "wss-to-plain"),
        *("no-http", "hung-up", "upgrade-hung-up", "audiosocket-hung-up", "audiosocket-to-http"),
    ],
)
async def test_a_gateway_that_refuses_is_said_to_do_that(
    answer: bytes, target: str, cause: str
) -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(respond, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        protocol = "audiosocket" if target == "audiosocket" else "twilio"
        assert await causes(Target(protocol, f"{target}://127.0.0.1:{port}/x")) == {cause: 3}


async def test_calls_that_break_in_the_middle_are_counted_by_how_they_broke() -> None:
    async def let_go(socket: ServerConnection) -> None:
        for _ in range(5):
            await socket.recv()
        await socket.close(1011, "out of order")

    taken = figures()
    async with serve(let_go, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        line = fleet(Target("twilio", f"ws://127.0.0.1:{port}/media"), taken)
        await line.grow(2, 100)
        assert taken.placed == 2
        await until(lambda: taken.live == 0)
        await line.close()
    assert taken.failures == {("broke in the middle", "closed with 1011 out of order"): 2}


@pytest.mark.long
async def test_a_gateway_that_is_killed_is_noticed_by_every_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webrtc, "GONE", 2.0)
    port = free_port()
    sections = f"""kind = "openai"
    api_key = "any"
    [bridges.twilio]
    enabled = true
    auth_token = "{TOKEN}"
    [bridges.audiosocket]
    enabled = true
    port = {port}
    tickets = false
    """
    every = {protocol: figures() for protocol in PROTOCOLS}
    async with (
        upstream.serve(Script(), lambda note: None) as model,
        gateway_process(tmp_path, model, sections) as one,
    ):
        fleets = [
            fleet(own_target(protocol, one.address, TOKEN, f"127.0.0.1:{port}"), taken)
            for protocol, taken in every.items()
        ]
        await asyncio.gather(*(callers.grow(1, 100) for callers in fleets))
        assert [taken.placed for taken in every.values()] == [1, 1, 1, 1]
        one.child.kill()
        await until(lambda: all(taken.failures for taken in every.values()))
        for callers in fleets:
            await callers.close()
    for protocol, taken in every.items():
        assert [cause for cause, _ in taken.failures] == ["broke in the middle"], protocol


async def test_a_server_of_another_protocol_is_not_taken_for_a_gateway() -> None:
    async with upstream.serve(Script(), lambda note: None) as model:
        assert await causes(Target("twilio", model.replace("http", "ws"))) == {
            "spoke another protocol": 3
        }


async def test_the_scripted_model_ends_though_a_gateway_has_frozen_with_sessions_open() -> None:
    begun = upstream.serve(Script(), lambda note: None)
    async with asyncio.timeout(20), AsyncExitStack() as frozen, begun as model:
        await frozen.enter_async_context(connect(model.replace("http", "ws") + "/realtime"))


async def causes(target: Target) -> dict[str, int]:
    """Why three calls failed."""
    taken = figures()
    line = fleet(target, taken)
    await line.grow(3, 100)
    await until(lambda: sum(taken.failures.values()) == 3)
    await line.close()
    counted: dict[str, int] = {}
    for (cause, _), count in taken.failures.items():
        counted[cause] = counted.get(cause, 0) + count
    return counted
