"""One whole conversation over the front door with the models that ship: heard, looked up, said."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import pytest
from openai import AsyncOpenAI

from audio.wav import read
from gateway.rehearsal.house import furnish, open_house
from gateway.rehearsal.inside import settings_of
from gateway.rehearsal.models import embedded, recognise
from tests.front_door.line import RATE, SAMPLES, SILENCE, pieces, take

ROOT = Path(__file__).parents[2]


@pytest.mark.models
async def test_a_client_of_the_openai_package_asks_the_order_desk() -> None:
    spoken = read(SAMPLES / "commands" / "where_is_my_order.wav", rate=RATE)
    async with embedded() as base_url:
        settings = settings_of({"assistant": {"base_url": base_url}})
        desk = furnish(settings, [str(ROOT / "samples" / "orderdesk.py")])
        async with open_house(desk) as house:
            address = house.url.removesuffix("/browser").replace("ws", "http", 1)
            async with (
                AsyncOpenAI(api_key="sk-any", base_url=address + "/v1") as openai,
                openai.realtime.connect(model="gpt-realtime-2.1") as connection,
            ):
                heard = {"input": {"transcription": {"model": "gpt-transcribe"}}}
                await connection.session.update(session={"type": "realtime", "audio": heard})  # type: ignore[typeddict-item]
                for piece in pieces(bytes(RATE) + spoken + SILENCE):
                    await connection.input_audio_buffer.append(audio=piece)
                events = await take(connection, "response.done")
                said = events[-1].response.output[0].content[0].transcript
                assert "4217" in said
                assert "kettles" in said
                words = "conversation.item.input_audio_transcription.completed"
                (asked,) = [event.transcript for event in events if event.type == words]
                assert "order" in asked.lower()
                deltas = [e.delta for e in events if e.type == "response.output_audio.delta"]
                sound = b"".join(map(b64decode, deltas))
                assert "kettles" in recognise(sound, RATE).lower()
