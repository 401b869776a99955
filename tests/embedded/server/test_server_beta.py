"""Clients of the Beta shape, by header, subprotocol, address, or by the way they speak."""

from __future__ import annotations

from typing import Any

import pytest
import websockets
from openai.types.beta.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from gateway.embedded.parts import CallPiece, Say
from gateway.embedded.server import ServerOptions

BETA: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
HEADER = {"additional_headers": {"OpenAI-Beta": "realtime=v1"}}
DOORS: list[tuple[str, str, dict[str, Any]]] = [
    ("?model=gpt-4o-realtime-preview", "", HEADER),
    (
        "?model=gpt-4o-realtime-preview",
        "",
        {"subprotocols": ["realtime", "openai-beta.realtime-v1"]},
    ),
    ("?api-version=2025-04-01-preview&deployment=gpt-4o-realtime-preview", "/openai/realtime", {}),
]


@pytest.mark.parametrize(("query", "path", "how"), DOORS)
async def test_a_beta_conversation(
    stage: Any, speech: bytes, query: str, path: str, how: Any
) -> None:
    turns = [[Say("On its way."), CallPiece(0, "look", "{}")]]
    async with stage(turns) as s, s.client(query, path=path, checked=False, **how) as client:
        created = await client.receive()
        assert created["session"]["modalities"] == ["text", "audio"]
        assert created["session"]["input_audio_format"] == "pcm16"
        assert created["session"]["model"] == "gpt-4o-realtime-preview"
        assert (await client.receive())["type"] == "conversation.created"
        session = {
            "voice": "echo",
            "temperature": 0.8,
            "input_audio_transcription": {"model": "whisper-1"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
        }
        updated = await client.ask("session.update", "session.updated", session=session)
        assert updated["session"]["voice"] == "echo"
        assert updated["session"]["turn_detection"]["prefix_padding_ms"] == 300
        await client.append(speech)
        events = await client.until("rate_limits.updated")
        kinds = list(dict.fromkeys(event["type"] for event in events))
        kinds = [kind for kind in kinds if "transcription" not in kind]
        assert kinds == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.created",
            "response.created",
            "response.output_item.added",
            "response.content_part.added",
            "response.audio_transcript.delta",
            "response.audio.delta",
            "response.audio.done",
            "response.audio_transcript.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.done",
            "rate_limits.updated",
        ]
        for event in client.events:
            BETA.validate_python(event)
        done = next(e for e in events if e["type"] == "response.done")["response"]
        assert done["output"][0]["content"] == [{"type": "audio", "transcript": "On its way."}]
        assert s.mouth.spoken[0][1] == "echo"


async def test_a_client_is_known_by_its_first_update(stage: Any) -> None:
    async with stage() as s, s.client(checked=False) as client:
        assert "audio" in (await client.receive())["session"]
        session = {"modalities": ["text"], "instructions": "x"}
        updated = await client.ask("session.update", "session.updated", session=session)
        assert updated["session"]["modalities"] == ["text"]
        assert "audio" not in updated["session"]


@pytest.mark.parametrize("key", ["type", "output_modalities", "audio"])
async def test_ga_fields_are_unknown_to_a_beta_session(stage: Any, key: str) -> None:
    async with stage() as s, s.client(path="/openai/realtime", checked=False) as client:
        await client.until("conversation.created")
        await client.send("session.update", session={key: {}})
        error = (await client.until("error"))[-1]["error"]
        assert error["message"] == f"Unknown parameter: 'session.{key}'."


async def test_a_beta_transcription_session(stage: Any) -> None:
    query = "?intent=transcription"
    async with stage() as s, s.client(query, checked=False, **HEADER) as client:
        await client.until("conversation.created")
        session = {"input_audio_transcription": {"model": "whisper-1"}, "turn_detection": None}
        updated = await client.ask(
            "transcription_session.update", "transcription_session.updated", session=session
        )
        assert updated["session"]["turn_detection"] is None


async def test_where_beta_is_off_its_clients_are_told_so(stage: Any) -> None:
    async with stage(options=ServerOptions(beta=False)) as s:
        async with s.client(**HEADER) as client:
            error = (await client.until("error"))[-1]["error"]
            assert error["code"] == "beta_api_shape_disabled"
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await client.receive()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4000
        async with s.client() as client:
            await client.receive()
            await client.send("session.update", session={"voice": "ash"})
            error = (await client.until("error"))[-1]["error"]
            assert error["code"] == "missing_required_parameter"
