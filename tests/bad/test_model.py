"""A model that refuses, stalls, floods or dies: the caller is told, and others talk on."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from audio.pcm import silence
from audio.tone import sine
from gateway.call.playback import BACKLOG_US
from gateway.embedded.faults import Faults
from gateway.embedded.server import ServerOptions
from tests.assistants.scripted import Peer
from tests.bad.junction import KEY, open_junction
from tests.bad.street import START, Stranger
from tests.house import House, message

pytestmark = pytest.mark.virtual_clock

Script = Callable[[Peer], Awaitable[None]]
TONE = base64.b64encode(sine(440, 0.1, 24_000)).decode()
NOTICE_SECONDS = 5.6  # of the sentence that says that the assistant is gone


@asynccontextmanager
async def a_bad_model(
    script: Script, patience: float = 5.0
) -> AsyncIterator[tuple[House, Stranger]]:
    async def answer(socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await script(Peer(socket, []))
            await socket.wait_closed()

    async with serve(answer, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        async with open_junction(port, patience) as street:
            yield street


async def hears_that_the_assistant_is_gone(caller: Stranger) -> str:
    """In words to read and in words to hear; then the call ends. Returns what was written."""
    await caller.to_the_end()
    assert [one["code"] for one in caller.all("notice")][-1] == "assistant_lost", caller.told
    assert caller.heard > NOTICE_SECONDS * 48_000
    assert caller.all("ended")[0]["reason"].startswith("assistant lost")
    assert caller.code == 1000
    told = json.dumps(caller.told)
    assert KEY not in told
    return str(caller.all("notice")[-1]["message"])


def created(response: str = "r") -> dict[str, object]:
    return {"type": "response.created", "response": {"id": response, "status": "in_progress"}}


def done(response: str = "r") -> dict[str, object]:
    return {"type": "response.done", "response": {"id": response, "status": "completed"}}


def delta(audio: str = TONE, item: str = "item", response: str = "r") -> dict[str, object]:
    names = {"response_id": response, "item_id": item, "content_index": 0}
    return {"type": "response.output_audio.delta", "delta": audio, **names}


# ---------------------------------------------------------------- it does not let us in


async def test_a_wrong_key_is_said_without_the_key() -> None:
    async with open_junction(ServerOptions(keys=frozenset({"another"}))) as (_, caller):
        await caller.send(START)
        assert "the key was refused" in await hears_that_the_assistant_is_gone(caller)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
async def test_a_handshake_that_is_refused_is_said(status: int) -> None:
    async with open_junction(ServerOptions(faults=Faults(refuse=status))) as (_, caller):
        await caller.send(START)
        assert f"HTTP {status}" in await hears_that_the_assistant_is_gone(caller)


async def test_an_error_in_place_of_a_session_is_said() -> None:
    async def script(peer: Peer) -> None:
        error = {"type": "invalid_request_error", "code": "no", "message": f"Not with {KEY}!"}
        await peer.emit({"type": "error", "error": error})

    async with a_bad_model(script) as (_, caller):
        await caller.send(START)
        assert "Not with [key]!" in await hears_that_the_assistant_is_gone(caller)


async def test_a_server_that_never_opens_a_session_is_given_up() -> None:
    async def script(peer: Peer) -> None:
        await asyncio.sleep(3600)

    async with a_bad_model(script, patience=3.0) as (_, caller):
        await caller.send(START)
        assert "no session within 3 s" in await hears_that_the_assistant_is_gone(caller)


async def test_a_server_that_takes_the_connection_and_says_nothing_is_given_up() -> None:
    """Half-open: the kernel answers, and no program does."""
    held = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        await reader.read()  # until the other side has given up
        writer.close()

    async with await asyncio.start_server(hold, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with open_junction(port, patience=3.0) as (_, caller):
            await caller.send(START)
            assert "no answer in time" in await hears_that_the_assistant_is_gone(caller)
        for writer in held:
            writer.close()


async def test_a_model_that_falls_silent_for_good_is_noticed_by_its_pings() -> None:
    """Half-open in the middle of a call: bytes go out and none come back, not even a close."""

    async def script(peer: Peer) -> None:
        await peer.open()
        await peer.expect("session.update")
        peer.socket.transport.pause_reading()
        await asyncio.sleep(600)

    async with a_bad_model(script) as (_, caller):
        await caller.start()
        said = await hears_that_the_assistant_is_gone(caller)
        assert "not even to a ping" in said


# ---------------------------------------------------------------- it talks nonsense

NONSENSE: tuple[object, ...] = (
    "no JSON",
    "",
    "[]",
    "null",
    '{"type":',
    "[" * 50_000,
    '{"type": {"type": "response.done"}}',
    '{"type": "response.done", "response": []}',
    '{"type": "response.done"}',
    '{"type": "response.created", "response": null}',
    '{"type": "response.output_audio.delta", "delta": "%%%", "item_id": "x", "response_id": "r"}',
    '{"type": "response.output_audio.delta", "delta": 7, "item_id": "x", "response_id": "r"}',
    '{"type": "response.output_audio.delta", "delta": "AAA=", "item_id": null}',
    '{"type": "response.output_audio_transcript.delta", "delta": ["x"], "item_id": 3}',
    '{"type": "input_audio_buffer.speech_started", "audio_start_ms": -1e99, "item_id": "y"}',
    '{"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 1e308, "item_id": "y"}',
    '{"type": "conversation.item.input_audio_transcription.completed", "transcript": null}',
    '{"type": "error", "error": "all wrong"}',
    '{"type": "error"}',
    '{"type": "session.created", "session": 5}',
    '{"type": "response.output_item.done", "item": {"type": "function_call", "call_id": 4}}',
    '{"type": "something.new", "more": true}',
    b"\x00\xff\xfe binary",
)


async def test_nonsense_is_passed_over_and_the_answer_after_it_is_heard() -> None:
    async def script(peer: Peer) -> None:
        await peer.open()
        for one in NONSENSE:
            await peer.socket.send(one)  # type: ignore[arg-type]
        await peer.expect("response.create")
        for one in NONSENSE:
            await peer.socket.send(one)  # type: ignore[arg-type]
        await peer.emit(created(), *[delta()] * 10, done())
        await peer.until_closed()

    async with a_bad_model(script) as (_, caller):
        await caller.start()
        await caller.send(message("text", text="Hello?"))
        await caller.until("audio", item="item")
        await caller.until_heard(48_000)
        assert not caller.all("notice")


async def test_a_message_larger_than_any_ends_the_assistant_in_words() -> None:
    async def script(peer: Peer) -> None:
        await peer.open()
        await peer.socket.send('{"type": "' + "x" * (17 * 1024 * 1024) + '"}')

    async with a_bad_model(script) as (_, caller):
        await caller.start()
        assert "larger than" in await hears_that_the_assistant_is_gone(caller)


async def test_a_call_of_a_function_that_is_none_is_answered_and_the_talk_goes_on() -> None:
    outputs: list[dict[str, str]] = []

    async def script(peer: Peer) -> None:
        await peer.open()
        await peer.expect("response.create")
        calls = [
            {"type": "function_call", "call_id": f"c{n}", "name": name, "arguments": arguments}
            for n, (name, arguments) in enumerate(
                [("no_such", "{}"), ("", "{}"), ("hang_up", "{"), ("hang_up", "[" * 9999)]
            )
        ]
        ended = done()
        ended["response"]["output"] = calls  # type: ignore[index]
        await peer.emit(created(), ended)
        outputs.extend([(await peer.expect("conversation.item.create"))["item"] for _ in calls])
        await peer.expect("response.create")
        await peer.emit(created("s"), delta(response="s"), done("s"))
        await peer.until_closed()

    async with a_bad_model(script) as (_, caller):
        await caller.start()
        await caller.send(message("text", text="Hello?"))
        await caller.until("audio", item="item")
    assert sorted(one["call_id"] for one in outputs) == ["c0", "c1", "c2", "c3"]
    assert all(one["output"] for one in outputs), "the model is told what was wrong"


# ---------------------------------------------------------------- too much, too little


async def test_an_answer_without_end_is_cut_at_the_limit_and_the_call_goes_on() -> None:
    cancelled = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.open()
        await peer.expect("response.create")
        await peer.emit(created())

        async def pour() -> None:
            minute = base64.b64encode(sine(440, 60, 24_000)).decode()
            while not cancelled.is_set():
                await peer.emit(delta(minute))
                await asyncio.sleep(0.05)

        pouring = asyncio.create_task(pour())
        await peer.expect("response.cancel")
        cancelled.set()
        await pouring
        await peer.emit(done())
        await peer.expect("response.create")
        await peer.emit(created("s"), delta(response="s", item="next"), done("s"))
        await peer.until_closed()

    async with a_bad_model(script) as (_, caller):
        await caller.start()
        await caller.send(message("text", text="Tell me everything."))
        await caller.until("notice", code="answer_too_long")
        await caller.send(message("text", text="That is enough."))
        await caller.until("audio", item="next")
        assert caller.heard < BACKLOG_US / 1_000_000 * 48_000


async def test_thousands_of_items_without_a_sound_are_cut_off_and_the_call_goes_on() -> None:
    async def script(peer: Peer) -> None:
        await peer.open()
        await peer.expect("response.create")
        await peer.emit(created())
        words = {"type": "response.output_audio_transcript.delta", "delta": "x "}
        for n in range(5000):
            await peer.emit({**words, "response_id": "r", "item_id": f"i{n}"})
        await peer.expect("response.cancel")
        await peer.emit(done())
        await peer.expect("response.create")
        await peer.emit(created("s"), delta(response="s"), done("s"))
        await peer.until_closed()

    async with a_bad_model(script) as (_, caller):
        await caller.start()
        await caller.send(message("text", text="Hello?"))
        await caller.until("notice", code="answer_too_long")
        await caller.send(message("text", text="Hello??"))
        await caller.until("audio", item="item")
        assert len(caller.all("words")) < 300


@pytest.mark.parametrize("pace", [0.1, 10.0])
async def test_an_answer_that_comes_too_slowly_or_too_fast_is_heard_whole(pace: float) -> None:
    async def script(peer: Peer) -> None:
        await peer.open()
        await peer.expect("response.create")
        await peer.emit(created())
        for _ in range(30):
            await peer.emit(delta())
            await asyncio.sleep(0.1 / pace)
        await peer.emit(done())
        await peer.until_closed()

    async with a_bad_model(script) as (_, caller):
        await caller.start()
        await caller.send(message("text", text="Hello?"))
        while await answer_heard(caller) < 3 * 48_000:
            pass
        await asyncio.sleep(1.0)
        assert not caller.all("notice")


async def answer_heard(caller: Stranger) -> int:
    """How many bytes of the model's sound there have been: between them the line gives a sign."""
    before = caller.heard
    await caller._take()
    if caller.heard > before and not caller.all("audio")[-1]["item"].startswith("hold_"):
        caller.answer += caller.heard - before
    return caller.answer


async def test_an_answer_that_never_begins_is_said_and_the_next_question_is_asked() -> None:
    async def script(peer: Peer) -> None:
        await peer.open()
        await peer.expect("response.create")
        await peer.expect("response.create")
        await peer.emit(created(), delta(), done())
        await peer.until_closed()

    async with a_bad_model(script) as (_, caller):
        await caller.start()
        await caller.send(message("text", text="Hello?"))
        await caller.until("notice", code="no_answer")
        await caller.send(message("text", text="Hello??"))
        await caller.until("audio", item="item")


async def test_an_answer_that_never_ends_does_not_hold_up_the_next_question() -> None:
    async def script(peer: Peer) -> None:
        await peer.open()
        await peer.expect("response.create")
        await peer.emit(created(), delta())
        await peer.expect("response.create")
        await peer.emit(created("s"), delta(response="s", item="next"), done("s"))
        await peer.until_closed()

    async with a_bad_model(script) as (_, caller):
        await caller.start()
        await caller.send(message("text", text="Hello?"))
        await caller.until("audio", item="item")
        with suppress(TimeoutError):
            async with asyncio.timeout(30):
                await caller.to_the_end()
        await caller.send(message("text", text="Hello??"))
        await caller.until("audio", item="next")


async def test_failures_of_the_model_are_said_and_the_call_stays() -> None:
    async with open_junction(ServerOptions(faults=Faults(server_error=1))) as (_, caller):
        await caller.start()
        await caller.send(message("text", text="Hello?"))
        await caller.until("notice", code="answer_failed")
        await caller.send(message("hangup"))
        await caller.to_the_end()
        assert caller.code == 1000


# ---------------------------------------------------------------- it goes away


@pytest.mark.parametrize("events", range(26))
async def test_a_line_that_breaks_at_any_moment_of_a_turn_is_told_to_the_caller(
    events: int,
) -> None:
    options = ServerOptions(faults=Faults(drop_after=events))
    async with open_junction(options) as (house, caller):
        await caller.send(START)
        asking = asyncio.create_task(_keep_asking(caller))
        said = await hears_that_the_assistant_is_gone(caller)
        asking.cancel()
        assert "dropped the connection" in said
        await asyncio.sleep(0.1)  # for the gateway's own side of it
        assert house.gateway.switchboard.statistics().live <= 1


async def _keep_asking(caller: Stranger) -> None:
    while True:
        await caller.send(message("text", text="Is anybody there?"))
        await asyncio.sleep(2.0)


async def test_a_session_that_expires_is_told_to_the_caller() -> None:
    async with open_junction(ServerOptions(faults=Faults(expire_ms=1500))) as (_, caller):
        await caller.start()
        await caller.speak(silence(100))
        assert "session_expired" in await hears_that_the_assistant_is_gone(caller)
