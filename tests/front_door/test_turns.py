"""Whole turns over the front door: order, positions, interruption, text, manual commit."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.embedded.parts import Heard, Said
from tests.front_door.line import RATE, SILENCE, GatedMouth, called, question, speech
from tests.house import PlainMind, open_house
from tools import tool

SHORT = "It ships on Monday."


@tool
def look_up() -> str:
    """Look an order up."""
    return "seven"


async def test_a_spoken_turn_is_told_in_the_documented_order() -> None:
    async with open_house(PlainMind(SHORT)) as house, called(house) as line:
        created = await line.until("session.created")
        assert created["session"]["audio"]["input"]["turn_detection"]["type"] == "server_vad"
        await line.configure(audio={"input": {"transcription": {"model": "gpt-transcribe"}}})
        await line.speak(speech())
        done = await line.until("response.done")
        words = "conversation.item.input_audio_transcription"
        assert [kind for kind in line.kinds() if not kind.startswith(words)] == [
            "session.created",
            "session.updated",
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio_transcript.delta",
            "response.output_audio.delta",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
        (started,) = line.all("input_audio_buffer.speech_started")
        (stopped,) = line.all("input_audio_buffer.speech_stopped")
        assert 150 <= started["audio_start_ms"] <= 550
        assert 1200 <= stopped["audio_end_ms"] <= 3500
        (committed,) = line.all("input_audio_buffer.committed")
        assert committed["item_id"] == started["item_id"] == stopped["item_id"]
        (spoken,) = done["response"]["output"]
        assert spoken["content"] == [{"type": "output_audio", "transcript": SHORT}]
        assert len(line.heard()) == len(SHORT) * 60 * RATE // 1000 * 2
        usage = done["response"]["usage"]
        assert usage["input_token_details"]["audio_tokens"] > 0
        assert usage["output_token_details"]["audio_tokens"] > 0
        assert line.all("response.output_item.added")[0]["item"]["id"] == spoken["id"]
        while not line.all(f"{words}.completed"):
            await line.recv()
        assert line.all(f"{words}.completed")[0]["transcript"].startswith("I spoke for")
        identities = [event["event_id"] for event in line.events]
        assert len(set(identities)) == len(identities)


async def test_the_gateways_functions_run_unseen_within_one_answer() -> None:
    async with open_house(PlainMind(SHORT, "look_up"), [look_up]) as house, called(house) as line:
        await line.speak(speech())
        done = (await line.until("response.done"))["response"]
        assert done["output"][0]["content"][0]["transcript"] == f"The result is seven. {SHORT}"
        assert len(line.all("response.created")) == 1
        assert not line.all("response.function_call_arguments.done")
        assert line.all("session.created")[0]["session"]["tools"] == []


async def test_speech_stops_the_answer_and_the_client_says_what_was_heard() -> None:
    mouth = GatedMouth(pause_after=6)
    mind = Remembering(SHORT * 4)
    async with open_house(mind, mouth=mouth) as house, called(house) as line:
        await line.speak(speech())
        first = await line.until("response.output_audio.delta")
        while len(line.heard()) < RATE * 2:
            await line.recv()
        await line.speak(question())
        await line.until("input_audio_buffer.speech_started")
        where = {"item_id": first["item_id"], "content_index": 0}
        await line.say("conversation.item.truncate", **where, audio_end_ms=600)
        cut = await line.until("conversation.item.truncated")
        assert (cut["item_id"], cut["audio_end_ms"]) == (first["item_id"], 600)
        await line.speak(SILENCE)
        mouth.pause_after = 0
        mouth.go.set()
        done = line.all("response.done") or [await line.until("response.done")]
        assert done[0]["response"]["status"] == "cancelled"
        assert done[0]["response"]["status_details"]["reason"] == "turn_detected"
        done = await line.until("response.done")
        assert done["response"]["status"] == "completed"
        said = [one for one in mind.lines if isinstance(one, Said)]
        assert [one.cut for one in said] == [True]
        assert 0 < len(said[0].text) < 25
        await line.say("conversation.item.truncate", **where, audio_end_ms=700, event_id="too-far")
        refused = await line.error()
        assert refused["event_id"] == "too-far"
        assert refused["message"] == "Audio content of 600ms is already shorter than 700ms"


class Remembering(PlainMind):
    """Keeps what it was last asked to answer."""

    lines: tuple[Any, ...] = ()

    async def answer(self, situation: Any) -> Any:
        self.lines = tuple(situation.lines)
        async for thought in super().answer(situation):
            yield thought


async def test_a_turn_that_the_client_commits() -> None:
    mind = Remembering(SHORT)
    async with open_house(mind) as house, called(house) as line:
        session = await line.configure(audio={"input": {"turn_detection": None}})
        assert session["audio"]["input"]["turn_detection"] is None
        await line.say("input_audio_buffer.commit", event_id="early")
        refused = await line.error()
        assert (refused["code"], refused["event_id"]) == (
            "input_audio_buffer_commit_empty",
            "early",
        )
        await line.speak(speech())
        await line.say("input_audio_buffer.clear")
        await line.until("input_audio_buffer.cleared")
        await line.speak(speech()[: RATE * 2])
        await line.say("input_audio_buffer.commit")
        await line.until("conversation.item.done")
        assert line.kinds()[-3:] == [
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
        ]
        metadata = {"topic": "order"}
        await line.say("response.create", response={"metadata": metadata, "instructions": "Go."})
        created = (await line.until("response.created"))["response"]
        assert created["metadata"] == metadata
        await line.say("response.create", event_id="second")
        active = await line.until("error", error=True)
        assert active["error"]["code"] == "conversation_already_has_active_response"
        assert active["error"]["event_id"] == "second"
        done = await line.until("response.done")
        assert done["response"]["status"] == "completed"
        (heard,) = mind.lines
        assert isinstance(heard, Heard)
        assert heard.text.startswith("I spoke for")
        assert not line.all("input_audio_buffer.speech_started")


async def test_an_answer_in_text() -> None:
    async with open_house(PlainMind(SHORT)) as house, called(house) as line:
        await line.configure(output_modalities=["text"])
        content = [{"type": "input_text", "text": "When does it ship?"}]
        item = {"type": "message", "role": "user", "content": content, "id": "mine"}
        await line.say("conversation.item.create", item=item)
        added = await line.until("conversation.item.done")
        assert added["item"]["id"] == "mine"
        await line.say("response.create")
        done = (await line.until("response.done"))["response"]
        assert done["output"][0]["content"] == [{"type": "output_text", "text": SHORT}]
        assert done["output_modalities"] == ["text"]
        assert line.all("response.output_text.delta")
        assert not line.heard()
        assert line.all("conversation.item.added")[-1]["previous_item_id"] == "mine"


async def test_an_answer_is_cancelled_by_the_client() -> None:
    mouth = GatedMouth(pause_after=3)
    async with open_house(PlainMind(SHORT), mouth=mouth) as house, called(house) as line:
        await line.say("response.cancel", event_id="idle")
        assert (await line.error())["code"] == "response_cancel_not_active"
        await line.say("response.create")
        await line.until("response.output_audio.delta")
        await line.say("response.cancel")
        done = (await line.until("response.done"))["response"]
        assert (done["status"], done["status_details"]["reason"]) == (
            "cancelled",
            "client_cancelled",
        )
        assert done["output"][0]["status"] == "incomplete"
        mouth.pause_after = 0
        mouth.go.set()
        await line.say("response.create")
        assert (await line.until("response.done"))["response"]["status"] == "completed"


@pytest.mark.parametrize("law", ["audio/pcmu", "audio/pcma"])
async def test_a_client_that_speaks_g711_is_answered_in_it(law: str) -> None:
    async with open_house(PlainMind(SHORT)) as house, called(house) as line:
        spoken = {"format": {"type": law}}
        await line.configure(audio={"input": spoken | {"turn_detection": None}, "output": spoken})
        await line.speak(b"\xd5" * 8_000)
        await line.say("input_audio_buffer.commit")
        await line.until("conversation.item.done")
        await line.say("response.create")
        await line.until("response.done")
        assert len(line.heard()) == len(SHORT) * 60 * 8


async def test_two_formats_that_differ_are_both_converted() -> None:
    async with open_house(PlainMind(SHORT)) as house, called(house) as line:
        await line.configure(audio={"output": {"format": {"type": "audio/pcmu"}}})
        await line.speak(speech())
        await line.until("response.done")
        assert abs(len(line.heard()) - len(SHORT) * 60 * 8) < 80


async def test_calls_beside_each_other_do_not_mix() -> None:
    async with open_house(PlainMind(SHORT)) as house, called(house) as one, called(house) as two:
        await asyncio.gather(one.speak(speech()), two.speak(speech()))
        first, second = await asyncio.gather(one.until("response.done"), two.until("response.done"))
        assert first["response"]["id"] != second["response"]["id"]
        items = {event["item_id"] for event in one.all("input_audio_buffer.committed")}
        assert items.isdisjoint(e["item_id"] for e in two.all("input_audio_buffer.committed"))
