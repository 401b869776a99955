"""Turn detection: by silence, by the words, by nobody; and what happens when nobody speaks."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
import websockets

from gateway.embedded.parts import Heard, Say
from gateway.embedded.server import ServerOptions
from gateway.embedded.turns import (
    FRAME_MS,
    LONGEST,
    Started,
    Stopped,
    TurnDetector,
    TurnEndByWords,
)


def signals(detector: TurnDetector, voiced: str, start: int = 0) -> list[Started | Stopped]:
    """What a detector says of a row of frames: `x` is voiced, `.` is not."""
    found = [
        detector.feed(frame == "x", start + (i + 1) * FRAME_MS, start)
        for i, frame in enumerate(voiced)
    ]
    return [signal for signal in found if signal is not None]


def test_speech_begins_with_its_padding_and_ends_with_its_silence() -> None:
    detector = TurnDetector(0.5, 100, lambda: 200)
    row = "." * 20 + "x" * 30 + "." * 30
    assert signals(detector, row) == [Started(20 * 20 - 100), Stopped(50 * 20 + 200)]
    assert not detector.speaking


def test_padding_does_not_reach_before_the_beginning() -> None:
    assert signals(TurnDetector(0.5, 300, lambda: 200), "." + "x" * 10, start=40) == [Started(40)]


@pytest.mark.parametrize(("threshold", "frames"), [(0.0, 1), (0.5, 3), (1.0, 6)])
def test_a_higher_threshold_wants_more_voice(threshold: float, frames: int) -> None:
    short = "." * 10 + "x" * (frames - 1) + "." * 20
    assert signals(TurnDetector(threshold, 0, lambda: 200), short) == []
    enough = "." * 10 + "x" * frames + "." * 20
    assert len(signals(TurnDetector(threshold, 0, lambda: 200), enough)) == 2


def test_a_click_does_not_prolong_a_turn() -> None:
    row = "x" * 10 + "." * 8 + "x" + "." * 20
    assert signals(TurnDetector(0.5, 0, lambda: 300), row)[-1] == Stopped(200 + 300)


@pytest.mark.parametrize("eagerness", ["low", "medium", "high", "auto"])
def test_an_open_sentence_waits_for_its_end(eagerness: str) -> None:
    judge = TurnEndByWords()
    longest = LONGEST[eagerness]
    for words in ("I want to", "I want to.", "my number is", "well...", "Send it to my,"):
        assert judge.wait_ms(words, eagerness) == longest
    done = judge.wait_ms("Where is my order?", eagerness)
    number = judge.wait_ms("It is four seven one", eagerness)
    assert done < number < longest
    assert judge.wait_ms("Where are you from?", eagerness) == done
    assert done < judge.wait_ms("", eagerness) < longest


async def test_semantic_detection_waits_as_long_as_the_words_are_open(
    stage: Any, speech: bytes
) -> None:
    ends = {}
    for words in ("Where is my order?", "My number is"):
        async with stage() as s, s.client() as client:
            await client.receive()
            s.ears.text = words
            detection = {"type": "semantic_vad", "eagerness": "high"}
            await client.update(audio={"input": {"turn_detection": detection}})
            for at in range(0, len(speech), 4800):
                await client.append(speech[at : at + 4800])
                await client.drain()  # as in real life, the words come while speech goes on
            for _ in range(25):
                await client.append(bytes(4800))
                await client.drain()
            stopped = [e for e in client.events if e["type"].endswith("speech_stopped")]
            ends[words] = stopped[0]["audio_end_ms"]
    assert ends["My number is"] - ends["Where is my order?"] == pytest.approx(1700, abs=40)


async def test_with_create_response_off_the_client_asks(stage: Any, speech: bytes) -> None:
    async with stage() as s, s.client() as client:
        await client.receive()
        detection = {"type": "server_vad", "create_response": False}
        await client.update(audio={"input": {"turn_detection": detection}})
        await client.append(speech)
        await client.until("conversation.item.done")
        assert await client.drain() == []
        await client.ask("response.create", "response.done")
        assert s.mind.situations[0].lines == (Heard("Where is my order?"),)


async def test_a_turn_that_may_not_interrupt_is_answered_afterwards(
    stage: Any, speech: bytes
) -> None:
    turns = [[Say("A very long answer indeed.")], [Say("Done.")]]
    async with stage(turns) as s, s.client() as client:
        await client.receive()
        s.mouth.pause_after = 2
        detection = {"type": "server_vad", "interrupt_response": False}
        await client.update(audio={"input": {"turn_detection": detection}})
        await client.say("Go.")
        await client.until("response.output_audio.delta")
        await client.append(speech)
        await client.until("input_audio_buffer.committed")
        s.mouth.pause_after = None
        s.mouth.go.set()
        done = (await client.until("response.done"))[-1]["response"]
        assert done["status"] == "completed"
        done = (await client.until("response.done"))[-1]["response"]
        assert done["output"][0]["content"][0]["transcript"] == "Done."


async def test_two_turns_in_one_message_are_two_items(stage: Any, speech: bytes) -> None:
    async with stage() as s, s.client() as client:
        await client.receive()
        detection = {"type": "server_vad", "create_response": False}
        await client.update(audio={"input": {"turn_detection": detection}})
        await client.append(speech * 2, piece=len(speech) * 2)
        events = await client.until("conversation.item.done", 2)
        edges = [
            e.get("audio_start_ms", e.get("audio_end_ms"))
            for e in events
            if "speech_st" in e["type"]
        ]
        length = len(speech) / 48
        assert edges == sorted(edges)
        assert edges[2] - edges[0] == pytest.approx(length, abs=60)


async def test_turning_detection_off_keeps_what_was_sent(stage: Any, speech: bytes) -> None:
    async with stage() as s, s.client() as client:
        await client.receive()
        await client.append(speech[: len(speech) // 2])
        await client.until("input_audio_buffer.speech_started")
        await client.update(audio={"input": {"turn_detection": None}})
        await client.append(speech[len(speech) // 2 :])
        await client.ask("input_audio_buffer.commit", "conversation.item.done")
        await client.ask("response.create", "response.done")
        assert s.mind.situations[0].lines == (Heard("Where is my order?"),)


@pytest.mark.virtual_clock
async def test_a_silent_user_is_spoken_to(session_without_socket: Any) -> None:
    async with session_without_socket() as (connection, emitted, _):
        detection = {"type": "server_vad", "idle_timeout_ms": 6000}
        change = {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
        connection.handle({"type": "session.update", "session": change})
        silence = base64.b64encode(bytes(48 * 7000)).decode()
        connection.handle({"type": "input_audio_buffer.append", "audio": silence})
        connection.handle({"type": "response.create"})
        await asyncio.sleep(6.1)
        assert emitted[-1]["type"] == "rate_limits.updated"
        emitted.clear()
        await asyncio.sleep(0.2)  # the answer itself took 200 ms to play
        kinds = [event["type"] for event in emitted]
        assert kinds[:5] == [
            "input_audio_buffer.timeout_triggered",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
        ]
        assert (emitted[0]["audio_start_ms"], emitted[0]["audio_end_ms"]) == (1000, 7000)
        assert emitted[0]["item_id"] == emitted[1]["item_id"]
        assert asyncio.get_running_loop().time() == pytest.approx(6.3)
        emitted.clear()
        update = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        connection.handle({"type": "session.update", "session": update})
        await asyncio.sleep(60)
        assert [event["type"] for event in emitted] == ["session.updated"]


async def test_a_session_that_is_too_old_is_closed(stage: Any) -> None:
    async with stage(options=ServerOptions(session_seconds=0.3)) as s, s.client() as client:
        await client.update(instructions="There is still time.")
        error = (await client.until("error"))[-1]["error"]
        assert error["code"] == "session_expired"
        assert error["message"] == "Your session hit the maximum duration of 0.3 seconds."
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await client.receive()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, error["message"])


async def test_a_transcription_session_only_listens(stage: Any, speech: bytes) -> None:
    async with stage() as s, s.client("?intent=transcription") as client:
        session = (await client.receive())["session"]
        assert session["object"] == "realtime.transcription_session"
        change = {"type": "transcription"}
        change |= {"audio": {"input": {"transcription": {"model": "gpt-transcribe"}}}}
        await client.ask("session.update", "session.updated", session=change)
        await client.append(speech)
        kind = "conversation.item.input_audio_transcription.completed"
        done = (await client.until(kind))[-1]
        assert done["transcript"] == "Where is my order?"
        assert done["usage"]["input_tokens"] > 10
        await client.send("response.create")
        assert (await client.until("error"))[-1]["error"]["code"] == "invalid_parameter"
        assert s.mind.situations == []
