"""Words are told while they are still being spoken, as far as they are certain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import websockets

from gateway.embedded.hearing import MoonshineEars
from gateway.embedded.server import Assistant, serve

TOLD = "conversation.item.input_audio_transcription"


@asynccontextmanager
async def client(stage: Any, client_of: Any, cache: Path) -> AsyncIterator[Any]:
    """A client of a server with real ears."""
    ears = await MoonshineEars.load(cache)
    async with stage() as plain:
        assistant = Assistant(ears, plain.mind, plain.mouth)
        async with serve(assistant) as address, websockets.connect(address.url) as socket:
            yield client_of(socket)
    await ears.close()


async def speak(caller: Any, speech: bytes) -> None:
    """In time, as a caller does."""
    for at in range(0, len(speech), 4_800):
        await caller.append(speech[at : at + 4_800])
        await asyncio.sleep(0.1)


@pytest.mark.models
@pytest.mark.virtual_clock
@pytest.mark.parametrize("detection", [None, {"type": "server_vad"}])
async def test_words_come_before_the_turn_is_over(
    stage: Any, client_of: Any, models_cache: Path, long_speech: bytes, detection: Any
) -> None:
    async with client(stage, client_of, models_cache) as caller:
        heard = {"transcription": {"model": "whisper-1"}, "turn_detection": detection}
        await caller.update(audio={"input": heard})
        await speak(caller, long_speech)
        if detection is None:
            await caller.send("input_audio_buffer.commit")
        while not any(e["type"] == f"{TOLD}.completed" for e in caller.events):
            await caller.receive()
    kinds = [event["type"] for event in caller.events]
    committed = kinds.index("input_audio_buffer.committed")
    assert kinds.index(f"{TOLD}.delta") < committed, "told before the turn was over"
    deltas = [e for e in caller.events if e["type"] == f"{TOLD}.delta"]
    (done,) = [e for e in caller.events if e["type"] == f"{TOLD}.completed"]
    assert {e["item_id"] for e in deltas} == {caller.events[committed]["item_id"]}
    assert len(deltas) > 2
    assert done["transcript"].startswith(deltas[0]["delta"])


async def test_nobody_is_told_who_did_not_ask(stage: Any, long_speech: bytes) -> None:
    async with stage() as s, s.client() as caller:
        await caller.append(long_speech)
        await caller.until("response.done")
        assert not [e for e in caller.events if e["type"].startswith(TOLD)]
