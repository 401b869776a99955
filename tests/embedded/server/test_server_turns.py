"""Whole turns against the server: every kind of turn, in the documented order of events."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from audio import g711
from audio.resample import convert
from gateway.embedded.parts import Called, CallPiece, Heard, Returned, Said, Say

GOLDEN = json.loads((Path(__file__).parent / "data" / "sequences.json").read_text())
DELTAS = {"response.output_audio_transcript.delta", "response.output_audio.delta"}


def shape(events: list[dict[str, Any]]) -> list[str]:
    """Types in order; runs of deltas once, without what may come at any time."""
    out: list[str] = []
    run: set[str] = set()
    for kind in (event["type"] for event in events):
        if kind == "rate_limits.updated" or "input_audio_transcription" in kind:
            continue
        if kind in DELTAS | {"response.function_call_arguments.delta"}:
            if kind in run:
                continue
            run.add(kind)
        else:
            run = set()
        out.append(kind)
    return out


def golden(case: str) -> list[str]:
    return shape([{"type": kind} for kind in GOLDEN[case]])


async def test_a_session_is_there_at_once_and_follows_updates(stage: Any) -> None:
    async with stage() as s, s.client("?model=gpt-realtime-2.1") as client:
        created = await client.receive()
        assert created["session"]["model"] == "gpt-realtime-2.1"
        updated = await client.update(instructions="Be very brief.")
        assert updated == created["session"] | {"instructions": "Be very brief."}
        assert shape(client.events) == golden("connect")


async def test_a_turn_by_server_vad(stage: Any, speech: bytes) -> None:
    async with stage([[Say("It is on its way.")]]) as s, s.client() as client:
        transcription = {"model": "gpt-transcribe"}
        await client.update(audio={"input": {"transcription": transcription}})
        client.events.clear()
        await client.append(speech)
        events = await client.until("rate_limits.updated")
        [started] = [e for e in events if e["type"].endswith("speech_started")]
        await client.send("conversation.item.retrieve", item_id=started["item_id"])
        events += await client.until("conversation.item.retrieved")
        assert shape(events) == golden("server_vad_turn")

        kinds = [event["type"] for event in events]
        assert kinds.index("rate_limits.updated") == kinds.index("response.done") + 1
        completed = "conversation.item.input_audio_transcription.completed"
        assert kinds.index("input_audio_buffer.committed") < kinds.index(completed)
        item = events[-1]["item"]
        assert item["content"][0]["transcript"] == "Where is my order?"
        assert s.mind.situations[0].lines == (Heard("Where is my order?"),)

        by_kind = {event["type"]: event for event in events}
        start = by_kind["input_audio_buffer.speech_started"]["audio_start_ms"]
        end = by_kind["input_audio_buffer.speech_stopped"]["audio_end_ms"]
        heard = base64.b64decode(item["content"][0]["audio"])
        assert len(heard) == (end - start) * 48
        assert heard == speech[start * 48 : end * 48]
        spoken = b"".join(
            base64.b64decode(e["delta"])
            for e in events
            if e["type"] == "response.output_audio.delta"
        )
        assert len(spoken) == len("It is on its way.") * 50 * 48


async def test_a_turn_by_manual_commit(stage: Any, speech: bytes) -> None:
    async with stage() as s, s.client() as client:
        await client.receive()
        await client.send(
            "session.update",
            session={"type": "realtime", "audio": {"input": {"turn_detection": None}}},
        )
        await client.send("input_audio_buffer.clear")
        await client.append(speech)
        await client.send("input_audio_buffer.commit")
        await client.send("response.create")
        events = await client.until("response.done")
        assert shape(events) == golden("manual_commit_turn")
        assert s.mind.situations[0].lines == (Heard("Where is my order?"),)


async def test_parallel_function_calls_with_streamed_arguments(stage: Any) -> None:
    calls = [
        CallPiece(0, "get_time", '{"tz"'),
        CallPiece(0, "get_time", ': "Oslo"}'),
        CallPiece(1, "get_time", '{"tz"'),
        CallPiece(1, "get_time", ': "Rome"}'),
    ]
    async with stage([[*calls], [Say("Ten in both.")]]) as s, s.client() as client:
        await client.update(tools=[{"type": "function", "name": "get_time"}])
        client.events.clear()
        await client.say("time in Oslo and Rome?")
        done = (await client.until("response.done"))[-1]["response"]
        assert [i["arguments"] for i in done["output"]] == ['{"tz": "Oslo"}', '{"tz": "Rome"}']
        await client.until("rate_limits.updated")
        ids = [item["call_id"] for item in done["output"]]
        for call_id in ids:
            output = {"type": "function_call_output", "call_id": call_id, "output": "10:00"}
            await client.ask("conversation.item.create", "conversation.item.done", item=output)
        await client.send("response.create")
        await client.until("response.done")
        assert shape(client.events) == golden("function_call")
        assert s.mind.situations[1].lines == (
            Heard("time in Oslo and Rome?"),
            Called(ids[0], "get_time", '{"tz": "Oslo"}'),
            Called(ids[1], "get_time", '{"tz": "Rome"}'),
            Returned(ids[0], "10:00"),
            Returned(ids[1], "10:00"),
        )
        assert s.mind.situations[0].functions[0].name == "get_time"


async def test_a_caller_who_interrupts_stops_the_answer_at_once(stage: Any, speech: bytes) -> None:
    async with stage([[Say("Let me tell you a long story about it.")]]) as s, s.client() as client:
        await client.until("session.created")
        s.mouth.pause_after = 3
        await client.say("Tell me.")
        delta = (await client.until("response.output_audio.delta"))[-1]
        client.events.clear()
        await client.append(speech[: len(speech) // 2])
        events = await client.until("response.done")
        kinds = [e["type"] for e in events if e["type"] != "response.output_audio.delta"]
        assert kinds[0] == "input_audio_buffer.speech_started"
        assert kinds[1:] == [
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
        done = events[-1]["response"]
        assert done["status"] == "cancelled"
        assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        assert done["output"][0]["status"] == "incomplete"
        assert done["usage"]["output_token_details"]["audio_tokens"] > 0
        while s.mouth.running or s.mind.running:
            await asyncio.sleep(0)

        await client.until("rate_limits.updated")
        client.events.clear()
        where = {"item_id": delta["item_id"], "content_index": 0}
        await client.ask(
            "conversation.item.truncate", "conversation.item.truncated", **where, audio_end_ms=40
        )
        await client.send("response.cancel", event_id="c6")
        error = (await client.until("error"))[-1]["error"]
        assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "c6")


async def test_the_mind_knows_only_what_was_heard_of_an_answer(stage: Any) -> None:
    answer = "I found your order. It ships on Monday."
    turns = [[Say("I found your order."), Say("It ships on Monday.")]]
    async with stage(turns) as s, s.client() as client:
        await client.until("session.created")
        await client.say("Where is it?")
        done = (await client.until("response.done"))[-1]["response"]
        item = done["output"][0]
        assert item["content"] == [{"type": "output_audio", "transcript": answer}]
        heard = len("I found your order.") * 50 + 320  # and "It ships" but not "on"
        where = {"item_id": item["id"], "content_index": 0, "audio_end_ms": heard}
        await client.until("rate_limits.updated")
        await client.ask("conversation.item.truncate", "conversation.item.truncated", **where)
        kept = await client.ask(
            "conversation.item.retrieve", "conversation.item.retrieved", item_id=item["id"]
        )
        assert "transcript" not in kept["item"]["content"][0]
        assert len(base64.b64decode(kept["item"]["content"][0]["audio"])) == heard * 48
        await client.say("And then?")
        await client.until("response.done")
        assert s.mind.situations[1].lines == (
            Heard("Where is it?"),
            Said("I found your order. It", cut=True),
            Heard("And then?"),
        )


async def test_an_answer_out_of_band_runs_beside_the_conversation(stage: Any) -> None:
    gate = asyncio.Event()
    async with stage([[gate, Say("Hello.")], [Say("greeting")]]) as s, s.client() as client:
        await client.until("session.created")
        await client.say("Hi there.")
        created = (await client.until("response.created"))[-1]["response"]
        item_id = client.events[1]["item"]["id"]
        wanted = {
            "conversation": "none",
            "metadata": {"topic": "classify"},
            "output_modalities": ["text"],
            "instructions": "Classify.",
            "input": [{"type": "item_reference", "id": item_id}],
        }
        client.events.clear()
        await client.send("response.create", response=wanted)
        events = await client.until("response.done")
        assert shape(events) == golden("out_of_band")
        done = events[-1]["response"]
        assert (done["metadata"], done["conversation_id"]) == ({"topic": "classify"}, None)
        assert done["id"] != created["id"]
        asked = s.mind.situations[1]
        assert (asked.request, asked.lines) == ("Classify.", (Heard("Hi there."),))
        gate.set()
        assert (await client.until("response.done"))[-1]["response"]["id"] == created["id"]


@pytest.mark.parametrize("name", ["audio/pcmu", "audio/pcma"])
async def test_telephone_audio_in_and_out(stage: Any, speech: bytes, name: str) -> None:
    encode = g711.ulaw_encode if name == "audio/pcmu" else g711.alaw_encode
    decode = g711.ulaw_decode if name == "audio/pcmu" else g711.alaw_decode
    heard = encode(convert(speech, 24_000, 8_000))
    async with stage([[Say("It is on its way.")]]) as s, s.client() as client:
        side = {"format": {"type": name}}
        await client.update(audio={"input": side, "output": side})
        await client.append(heard, 800)
        events = await client.until("response.done")
        answer = decode(
            b"".join(
                base64.b64decode(e["delta"])
                for e in events
                if e["type"] == "response.output_audio.delta"
            )
        )
        assert len(answer) == pytest.approx(len("It is on its way.") * 50 * 16, abs=64)
        end = next(e for e in events if e["type"].endswith("speech_stopped"))["audio_end_ms"]
        assert end < len(heard) / 8
        assert done_format(events) == side["format"]


def done_format(events: list[dict[str, Any]]) -> Any:
    return events[-1]["response"]["audio"]["output"]["format"]
