"""Whole conversations with the real clients: the `openai` package and `openai-agents`."""

from __future__ import annotations

import asyncio
import base64
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from agents import function_tool, set_tracing_disabled
from agents.realtime import RealtimeAgent, RealtimeRunner
from openai import AsyncOpenAI

from gateway.embedded.parts import CallPiece, Heard, Returned, Say
from gateway.embedded.server import ServerOptions

KEYED = ServerOptions(keys=frozenset({"sk-test"}))
TOOL = {
    "type": "function",
    "name": "look_up",
    "description": "Look up an order.",
    "parameters": {"type": "object", "properties": {"number": {"type": "integer"}}},
}


async def take(connection: Any, kind: str) -> list[Any]:
    """Events up to and including the first of this type."""
    events = []
    while not events or events[-1].type != kind:
        events.append(await connection.recv())
        assert events[-1].type != "error" or kind == "error", events[-1]
    return events


async def test_the_openai_package_holds_a_conversation(stage: Any, speech: bytes) -> None:
    turns = [
        [Say("Let me look."), CallPiece(0, "look_up", '{"number"'), CallPiece(0, "", ": 7}")],
        [Say("It ships on Monday."), Say("Is there anything else that I can do for you?")],
        [Say("Goodbye.")],
    ]
    async with (
        stage(turns, KEYED) as s,
        AsyncOpenAI(api_key="sk-test", base_url=s.address.base_url) as openai,
        openai.realtime.connect(model="gpt-realtime-2.1") as connection,
    ):
        await take(connection, "session.created")
        await connection.session.update(
            session={
                "type": "realtime",
                "instructions": "Help with orders.",
                "tools": [TOOL],
                "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}},
            }
        )
        await take(connection, "session.updated")
        for at in range(0, len(speech), 4800):
            piece = base64.b64encode(speech[at : at + 4800]).decode()
            await connection.input_audio_buffer.append(audio=piece)
        done = (await take(connection, "response.done"))[-1].response
        assert [item.type for item in done.output] == ["message", "function_call"]
        call = done.output[1]
        assert (call.name, call.arguments) == ("look_up", '{"number": 7}')

        s.mouth.pause_after = 3  # so that there is something to interrupt
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": "Monday"}
        )
        await connection.response.create()
        delta = (await take(connection, "response.output_audio.delta"))[-1]
        for at in range(0, len(speech), 4800):
            piece = base64.b64encode(speech[at : at + 4800]).decode()
            await connection.input_audio_buffer.append(audio=piece)
        events = await take(connection, "response.done")
        assert events[-1].response.status == "cancelled"
        await connection.conversation.item.truncate(
            item_id=delta.item_id, content_index=0, audio_end_ms=40
        )
        s.mouth.go.set()
        done = (await take(connection, "response.done"))[-1].response
        assert done.output[0].content[0].transcript == "Goodbye."
        assert done.usage.input_token_details.audio_tokens > 0
        assert Returned(call.call_id, "Monday") in s.mind.situations[1].lines
        assert s.mind.situations[2].lines[-1] == Heard("Where is my order?")


async def test_the_openai_package_over_tls_with_a_short_lived_secret(
    stage: Any, tmp_path: Path
) -> None:
    authority = trustme.CA()
    pem = tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with stage([[Say("Hello.")]], certfile=pem, keyfile=pem) as s:
        openai = AsyncOpenAI(api_key="any", base_url=s.address.base_url)
        options = {"ssl": trust}
        async with (
            openai,
            openai.realtime.connect(model="m", websocket_connection_options=options) as connection,
        ):
            await take(connection, "session.created")
            await connection.response.create(response={"output_modalities": ["text"]})
            done = (await take(connection, "response.done"))[-1].response
            assert done.output[0].content[0].text == "Hello."


async def agent_events(session: Any, wanted: str, found: list[Any]) -> None:
    """Collect events of an agents session until one of this type."""
    async for event in session:
        found.append(event)
        assert event.type != "error", event
        if event.type == wanted:
            return


@pytest.fixture
def _no_tracing() -> None:
    set_tracing_disabled(True)


@pytest.mark.usefixtures("_no_tracing")
async def test_the_agents_package_holds_a_conversation(stage: Any, speech: bytes) -> None:
    asked: list[int] = []

    @function_tool
    def look_up(number: int) -> str:
        """Look up an order."""
        asked.append(number)
        return "It ships on Monday."

    story = "It ships on Monday, and there is a long story to tell about how it came to that."
    turns = [
        [CallPiece(0, "look_up", '{"number": 7}')],
        [Say(story)],
        [Say("All right.")],
    ]
    agent = RealtimeAgent(name="desk", instructions="Help with orders.", tools=[look_up])
    async with stage(turns, KEYED) as s:
        runner = RealtimeRunner(agent)
        model: Any = {"url": s.address.url + "?model=gpt-realtime-2.1", "api_key": "sk-test"}
        events: list[Any] = []
        s.mouth.pause_after = 12
        async with await runner.run(model_config=model) as session:
            await session.send_message("Where is order seven?")
            await asyncio.wait_for(agent_events(session, "audio", events), 10)
            assert asked == [7]
            assert {"tool_start", "tool_end"} <= {event.type for event in events}
            while s.mouth.running:  # now let the caller speak into the answer
                await session.send_audio(speech)
                await asyncio.sleep(0)
            s.mouth.go.set()
            await asyncio.wait_for(agent_events(session, "audio_interrupted", events), 10)
            while len(s.mind.situations) < 3:
                await asyncio.wait_for(agent_events(session, "raw_model_event", events), 10)
            await asyncio.wait_for(agent_events(session, "audio_end", events), 10)
        assert s.mind.situations[0].functions[0].name == "look_up"
        assert s.mind.situations[1].lines[-1] == Returned(
            s.mind.situations[1].lines[-1].call_id, "It ships on Monday."
        )
        assert any(isinstance(line, Heard) for line in s.mind.situations[2].lines[2:])
        problems = [e for e in events if e.type == "raw_model_event" and e.data.type == "exception"]
        assert problems == []
