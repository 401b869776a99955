"""The server with the assistant that ships: real ears, mind and mouth, and spoken commands."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import websockets

from gateway.embedded.assemble import assemble
from gateway.embedded.server import Address, serve

pytestmark = pytest.mark.models
TOOLS = [
    {
        "type": "function",
        "name": "look_up_order",
        "description": "Find out where an order is, by its number.",
        "parameters": {
            "type": "object",
            "properties": {
                "order_number": {"type": "integer", "description": "The number of the order."}
            },
            "required": ["order_number"],
        },
    }
]


@pytest.fixture
async def address() -> AsyncIterator[Address]:
    async with assemble() as assistant, serve(assistant) as where:
        yield where


@pytest.mark.parametrize("kind", ["server_vad", "semantic_vad"])
async def test_a_spoken_question_calls_the_tool_and_its_result_is_spoken(
    address: Address, sample: Callable[..., bytes], client_of: Any, kind: str
) -> None:
    async with websockets.connect(address.url + "?model=m", max_size=None) as socket:
        client = client_of(socket)
        await client.receive()
        detection = {"type": kind}
        hearing = {"turn_detection": detection, "transcription": {"model": "gpt-transcribe"}}
        await client.update(tools=TOOLS, audio={"input": hearing})
        spoken = sample("commands/where_is_my_order.wav", 300, 0)
        for at in range(0, len(spoken), 4800):
            await client.append(spoken[at : at + 4800])
            await client.drain()
        call = None
        for _ in range(60):  # silence goes on until the turn has ended and is answered
            await client.append(bytes(4800))
            await client.drain()
            done = [e for e in client.events if e["type"] == "response.done"]
            if done:
                call = next(i for i in done[-1]["response"]["output"] if "call_id" in i)
                break
        else:
            done = await client.until("response.done")
            call = next(i for i in done[-1]["response"]["output"] if "call_id" in i)
        assert call["name"] == "look_up_order"
        heard = next(e for e in client.events if e["type"].endswith("transcription.completed"))
        assert "order" in heard["transcript"].lower()
        client.events.clear()
        output = {"type": "function_call_output", "call_id": call["call_id"]}
        output["output"] = '{"status": "shipped", "arrives": "Monday"}'
        await client.ask("conversation.item.create", "conversation.item.done", item=output)
        await client.send("response.create")
        events = await client.until("response.done")
        said = events[-1]["response"]["output"][0]["content"][0]["transcript"]
        assert "Monday" in said
        voice = b"".join(
            base64.b64decode(e["delta"])
            for e in events
            if e["type"] == "response.output_audio.delta"
        )
        assert len(voice) > 48 * 500


async def test_what_the_voice_says_can_be_heard_again(address: Address, client_of: Any) -> None:
    async with websockets.connect(address.url + "?model=m", max_size=None) as socket:
        client = client_of(socket)
        await client.receive()
        await client.update(audio={"input": {"turn_detection": None}})
        await client.say("Hello!")
        events = await client.until("response.done")
        said = events[-1]["response"]["output"][0]["content"][0]["transcript"]
        voice = b"".join(
            base64.b64decode(e["delta"])
            for e in events
            if e["type"] == "response.output_audio.delta"
        )
        await client.until("rate_limits.updated")
        await client.update(audio={"input": {"transcription": {"model": "gpt-transcribe"}}})
        await client.append(voice)
        await client.send("input_audio_buffer.commit")
        kind = "conversation.item.input_audio_transcription.completed"
        heard = (await client.until(kind))[-1]["transcript"]
        wanted = {word.strip(".,!?'").lower() for word in said.split()}
        got = {word.strip(".,!?'").lower() for word in heard.split()}
        assert len(wanted & got) >= 0.7 * len(wanted), (said, heard)
