"""Whole conversations with the real clients, in Python: `openai` and `openai-agents`."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

import pytest
from agents import function_tool, set_tracing_disabled
from agents.realtime import RealtimeAgent, RealtimeRunner
from openai import AsyncOpenAI

from gateway.embedded.parts import CallPiece, Heard, Returned, Said, Say
from tests.front_door.line import RATE, SILENCE, GatedMouth, Script, pieces, question, speech, take
from tests.house import open_house
from tests.pictures import drawn
from tools import tool

PICTURE = "data:image/png;base64," + b64encode(drawn()).decode()
STORY = "It ships on Monday, and there is a long story to tell about how it came to that."
SHOW_MAP = {
    "type": "function",
    "name": "show_map",
    "description": "Show the caller a map.",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
}


@tool
def look_up() -> str:
    """Look the caller's order up."""
    return "order seven"


async def test_the_openai_package_holds_a_conversation() -> None:
    mouth = GatedMouth()
    mind = Script(
        [CallPiece(0, "look_up", "{}"), CallPiece(1, "show_map", '{"place": "Oslo"}')],
        [Say(STORY)],
        [Say("Goodbye.")],
    )
    async with (
        open_house(mind, [look_up], mouth=mouth) as house,
        AsyncOpenAI(api_key="sk-any", base_url=house.address + "/v1") as openai,
        openai.realtime.connect(model="gpt-realtime-2.1") as connection,
    ):
        await take(connection, "session.created")
        await connection.session.update(
            session={
                "type": "realtime",
                "instructions": "Help with orders.",
                "tools": [SHOW_MAP],
                "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}},
            }
        )
        updated = (await take(connection, "session.updated"))[-1].session
        assert [one.name for one in updated.tools] == ["show_map"], "the gateway's are hidden"
        for piece in pieces(speech()):
            await connection.input_audio_buffer.append(audio=piece)
        (call,) = (await take(connection, "response.done"))[-1].response.output
        assert (call.name, call.arguments) == ("show_map", '{"place": "Oslo"}')
        assert {one.name for one in mind.asked[0].functions} >= {"look_up", "show_map"}

        mouth.pause_after = 6  # so that there is something to interrupt
        answer = {"type": "function_call_output", "call_id": call.call_id, "output": "shown"}
        await connection.conversation.item.create(item=answer)
        await connection.response.create()
        delta = (await take(connection, "response.output_audio.delta"))[-1]
        for piece in pieces(question()):
            await connection.input_audio_buffer.append(audio=piece)
        await take(connection, "input_audio_buffer.speech_started")
        await connection.conversation.item.truncate(
            item_id=delta.item_id, content_index=0, audio_end_ms=150
        )
        for piece in pieces(SILENCE):
            await connection.input_audio_buffer.append(audio=piece)
        done = (await take(connection, "response.done"))[-1].response
        assert (done.status, done.status_details.reason) == ("cancelled", "turn_detected")
        mouth.pause_after = 0
        mouth.go.set()
        done = (await take(connection, "response.done"))[-1].response
        assert done.output[0].content[0].transcript == "Goodbye."
        returned = [one.output for one in mind.asked[1].lines if isinstance(one, Returned)]
        assert sorted(returned) == ["order seven", "shown"]
        said = [one for one in mind.asked[2].lines if isinstance(one, Said)]
        assert said[-1].cut
        assert len(said[-1].text) < 20
        assert isinstance(mind.asked[2].lines[-1], Heard)


async def test_the_openai_package_asks_aside_and_is_told_what_the_model_refuses() -> None:
    mind = Script([Say("Kettles.")], [Say("greeting")])
    async with (
        open_house(mind) as house,
        AsyncOpenAI(api_key="sk-any", base_url=house.address + "/v1") as openai,
        openai.realtime.connect(model="gpt-realtime-2.1") as connection,
    ):
        session: Any = {"type": "realtime", "output_modalities": ["text"]}
        await connection.session.update(session=session)
        await take(connection, "session.updated")
        image = {"type": "input_image", "image_url": PICTURE}
        item: Any = {"type": "message", "role": "user", "content": [image]}
        await connection.conversation.item.create(item=item, event_id="picture")
        refused = await asyncio.wait_for(connection.recv(), 10)
        assert refused.type == "error", "the embedded assistant sees nothing, and says so"
        assert (refused.error.event_id, refused.error.code) == ("picture", "invalid_value")
        item["content"] = [{"type": "input_text", "text": "What did I order?"}]
        await connection.conversation.item.create(item=item)
        await connection.response.create()
        done = (await take(connection, "response.done"))[-1].response
        assert done.output[0].content[0].text == "Kettles."
        await connection.response.create(
            response={
                "conversation": "none",
                "metadata": {"topic": "kind"},
                "output_modalities": ["text"],
                "instructions": "Which kind of question was it?",
            }
        )
        events = await take(connection, "response.done")
        aside = events[-1].response
        assert aside.metadata == {"topic": "kind"}
        assert aside.conversation_id is None
        assert aside.output[0].content[0].text == "greeting"
        assert not [one for one in events if one.type.startswith("conversation.item")]


async def agent_events(session: Any, wanted: str, found: list[Any]) -> None:
    """Collect events of an agents session until one of this type."""
    async for event in session:
        found.append(event)
        assert event.type != "error", event
        if event.type == wanted:
            return


@pytest.mark.parametrize("detection", ["semantic_vad", "server_vad"])
async def test_the_agents_package_holds_a_conversation(detection: str) -> None:
    set_tracing_disabled(True)
    asked: list[int] = []

    @function_tool
    def find(number: int) -> str:
        """Find an order."""
        asked.append(number)
        return "It ships on Monday."

    mouth = GatedMouth()
    mind = Script([CallPiece(0, "find", '{"number": 7}')], [Say(STORY)], [Say("All right.")])
    agent = RealtimeAgent(name="desk", instructions="Help with orders.", tools=[find])
    async with open_house(mind, [look_up], mouth=mouth) as house:
        address = house.address.replace("http", "ws") + "/v1/realtime?model=gpt-realtime-2.1"
        settings = {"turn_detection": {"type": detection, "interrupt_response": True}}
        model: Any = {"url": address, "api_key": "any", "initial_model_settings": settings}
        events: list[Any] = []
        mouth.pause_after = 6
        async with await RealtimeRunner(agent).run(model_config=model) as session:
            await session.send_message("Where is order seven?")
            await asyncio.wait_for(agent_events(session, "audio", events), 10)
            assert asked == [7]
            assert {"tool_start", "tool_end"} <= {event.type for event in events}
            for at in range(0, len(speech()), RATE):  # now let the caller speak into the answer
                await session.send_audio(speech()[at : at + RATE])
            await asyncio.wait_for(agent_events(session, "audio_interrupted", events), 10)
            mouth.pause_after = 0
            mouth.go.set()
            while len(mind.asked) < 3:
                await asyncio.wait_for(agent_events(session, "raw_model_event", events), 10)
            await asyncio.wait_for(agent_events(session, "audio_end", events), 10)
        assert {one.name for one in mind.asked[0].functions} >= {"find", "look_up"}
        assert mind.asked[1].lines[-1].output == "It ships on Monday."  # type: ignore[union-attr]
        assert any(isinstance(one, Heard) for one in mind.asked[2].lines[2:])
        problems = [e for e in events if e.type == "raw_model_event" and e.data.type == "exception"]
        assert problems == []
