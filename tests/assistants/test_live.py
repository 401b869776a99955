"""The live check, against a scripted server that plays along, or does not."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.assistants import live
from gateway.assistants.live import Finding, probe
from gateway.assistants.target import Target
from gateway.private import Private
from gateway.protocol.beta import from_ga_server
from tests.assistants.scripted import Peer, scripted

KEY = "sk-test-0123456789abcdef"
IDS = {"item_id": "a1", "output_index": 0, "content_index": 0}


def target(url: str, **changes: Any) -> Target:
    return Target("openai", url, "gpt-realtime-2.1", Private(KEY), **changes)


def statuses(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.subject, one.status) for one in found]


def response(name: str, status: str) -> dict[str, Any]:
    usage = {
        "input_token_details": {"text_tokens": 20, "audio_tokens": 10},
        "output_token_details": {"text_tokens": 5, "audio_tokens": 20},
    }
    return {"id": name, "status": status, "conversation_id": "c", "output": [], "usage": usage}


def answered(name: str, *pieces: dict[str, Any], status: str = "completed") -> list[dict[str, Any]]:
    return [
        {"type": "response.created", "response": response(name, "in_progress")},
        *({"response_id": name, **IDS, **piece} for piece in pieces),
        {"type": "response.done", "response": response(name, status)},
    ]


WORDS = {"type": "response.output_text.delta", "delta": "ready"}
SOUND = {
    "type": "response.output_audio.delta",
    "delta": base64.b64encode(bytes(2 * 12_000)).decode(),
}


def plays_along(
    send: Callable[[Peer, list[dict[str, Any]]], Awaitable[None]] | None = None,
    text: list[dict[str, Any]] | None = None,
    audio: list[dict[str, Any]] | None = None,
) -> Callable[[Peer], Awaitable[None]]:
    async def plain(peer: Peer, events: list[dict[str, Any]]) -> None:
        await peer.emit(*events)

    emit = send or plain

    async def script(peer: Peer) -> None:
        session = {"type": "realtime", "id": "s", "model": "gpt-realtime-2.1"}
        await emit(peer, [{"type": "session.created", "session": session}])
        await peer.expect("session.update")
        await emit(peer, [{"type": "session.updated", "session": session}])
        await peer.expect("response.create")
        await emit(peer, answered("r1", WORDS) if text is None else text)
        await peer.expect("input_audio_buffer.commit")
        await emit(peer, [{"type": "input_audio_buffer.committed", "item_id": "u1"}])
        await peer.expect("response.create")
        await emit(peer, answered("r2", SOUND, SOUND) if audio is None else audio)
        await peer.until_closed()

    return script


async def test_a_server_that_works_is_proved_step_by_step() -> None:
    async with scripted(plays_along()) as server:
        found = await probe(target(server.url))
    assert statuses(found) == [
        ("connect", "ok"),
        ("session", "ok"),
        ("text", "ok"),
        ("audio", "ok"),
    ]
    assert "model gpt-realtime-2.1" in found[0].detail
    assert found[2].detail.startswith("5 characters")
    assert found[3].detail.startswith("1.0 s of speech")
    assert found[3].detail.endswith("$0.0018")
    texts = [m for m in server.received if m["type"] == "response.create"]
    assert texts[0]["response"]["output_modalities"] == ["text"]
    sound = [m for m in server.received if m["type"] == "input_audio_buffer.append"]
    assert len(sound) == 50
    assert server.closed == [(1000, "")]


async def test_a_beta_server_is_proved_in_its_own_words() -> None:
    async def as_beta(peer: Peer, events: list[dict[str, Any]]) -> None:
        for event in events:
            await peer.emit(*from_ga_server(event))

    async with scripted(plays_along(as_beta)) as server:
        found = await probe(Target("compatible", server.url, "m", provider="beta"))
    assert [status for _, status in statuses(found)] == ["ok"] * 4
    texts = [m for m in server.received if m["type"] == "response.create"]
    assert texts[0]["response"]["modalities"] == ["text"]


async def test_a_callers_own_speech_can_be_the_turn() -> None:
    async with scripted(plays_along()) as server:
        await probe(target(server.url), speech=b"\x05\x00" * 720)
    sound = [m["audio"] for m in server.received if m["type"] == "input_audio_buffer.append"]
    assert b"".join(base64.b64decode(s) for s in sound) == b"\x05\x00" * 720


FAILURES = [
    (plays_along(text=answered("r1", status="failed")), "text", "the answer ended as failed"),
    (plays_along(text=answered("r1")), "text", "without a word"),
    (plays_along(audio=answered("r2")), "audio", "without a sound"),
    (
        plays_along(audio=[{"type": "error", "error": {"code": "nope", "message": f"no {KEY}"}}]),
        "audio",
        "refused: nope: no [key]",
    ),
    (
        plays_along(text=[{"type": "error", "error": {"code": "insufficient_quota"}}]),
        "text",
        "no credit",
    ),
]


@pytest.mark.parametrize(("script", "subject", "words"), FAILURES)
async def test_the_first_step_that_fails_is_the_last_and_says_why(
    script: Any, subject: str, words: str
) -> None:
    async with scripted(script) as server:
        found = await probe(target(server.url))
    assert (found[-1].subject, found[-1].status) == (subject, "broken")
    assert words in found[-1].detail
    assert all(one.status == "ok" for one in found[:-1])
    assert KEY not in repr(found)


async def test_a_key_that_is_refused_is_a_failed_connect() -> None:
    async def script(peer: Peer) -> None:
        error = {"code": "invalid_api_key", "message": f"Incorrect API key provided: {KEY}"}
        await peer.emit({"type": "error", "error": error})
        await peer.socket.close(3000, "invalid_request_error.invalid_api_key")

    async with scripted(script) as server:
        found = await probe(target(server.url))
    assert statuses(found) == [("connect", "broken")]
    assert "the key was refused" in found[0].detail


async def test_a_connection_that_drops_names_the_step() -> None:
    async def script(peer: Peer) -> None:
        await peer.open()
        await peer.expect("session.update")
        peer.drop()

    async with scripted(script) as server:
        found = await probe(target(server.url))
    assert statuses(found) == [("connect", "ok"), ("session", "broken")]
    assert "the network dropped the connection" in found[1].detail


async def test_a_server_that_falls_silent_names_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "STEP", 0.2)

    async def script(peer: Peer) -> None:
        await peer.open()
        await peer.until_closed()

    async with scripted(script) as server:
        found = await probe(target(server.url))
    assert statuses(found) == [("connect", "ok"), ("session", "broken")]
    assert "no answer within 0.2 s" in found[1].detail


async def test_settings_that_lead_nowhere_are_reported_and_not_raised() -> None:
    (finding,) = await probe(Target("openai"))
    assert (finding.subject, finding.status) == ("settings", "broken")
    assert "OPENAI_API_KEY" in finding.detail
