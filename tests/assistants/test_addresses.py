"""Where each kind of target leads: addresses, headers, and what is wrong with bad settings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from audio.format import pcm16
from gateway.assistants.catalogue import load
from gateway.assistants.compatible import PROVIDERS
from gateway.assistants.openai import endpoint, open_leg
from gateway.assistants.target import Endpoint, Target
from gateway.call import effects as do
from gateway.call.events import AssistantAudio, AssistantReady, Event, ResponseEnded
from gateway.call.plan import Plan
from gateway.errors import SettingsError
from gateway.private import Private
from tests.assistants.scripted import Peer, Scripted, scripted

KEY = "0123456789abcdef"
Events = asyncio.Queue[Event]


def headers(way: Endpoint) -> Mapping[str, str]:
    return {name: value.reveal() for name, value in way.headers.items()}


async def meet(where: Target, *effects: do.ToAssistant, rate: int = 24_000) -> list[Event]:
    """Connect, do these, and stay until the answer is complete (or, with none, until ready)."""
    events: Events = asyncio.Queue()
    seen: list[Event] = []
    last = ResponseEnded if effects else AssistantReady
    leg = open_leg(where, pcm16(rate))
    async with asyncio.timeout(20):
        task = asyncio.create_task(leg.run(events.put_nowait))
        while not (seen and isinstance(seen[-1], last)):
            seen.append(await events.get())
            if isinstance(seen[-1], AssistantReady):
                for effect in effects:
                    leg.send(effect)
        leg.close("enough")
        await task
    return seen


async def idle(peer: Peer) -> None:
    await peer.open()
    await peer.until_closed()


# ---------------------------------------------------------------- Azure


@pytest.mark.parametrize("path", ["", "/", "/openai/v1", "/openai/v1/realtime", "/openai"])
async def test_azure_answers_at_the_address_that_is_generally_available(path: str) -> None:
    async with scripted(idle) as server:
        resource = f"http://{server.host}{path}"
        await meet(Target("azure", resource, "my-voice", Private(KEY)))
    (request,) = server.requests
    assert request.path == "/openai/v1/realtime?model=my-voice"
    assert request.headers["api-key"] == KEY
    assert "Authorization" not in request.headers
    assert "OpenAI-Beta" not in request.headers


async def test_azure_preview_has_its_address_its_version_and_the_beta_shape() -> None:
    async with scripted(beta_turn) as server:
        where = Target("azure-preview", f"http://{server.host}", "my voice", Private(KEY))
        seen = await meet(where, do.Configure(Plan()), do.SendAudio(bytes(960)), do.Respond())
    (request,) = server.requests
    assert request.path == (
        "/openai/realtime?api-version=2025-04-01-preview&deployment=my+voice"
    ) or request.path == ("/openai/realtime?api-version=2025-04-01-preview&deployment=my%20voice")
    assert request.headers["api-key"] == KEY
    beta_turn_was_heard(server, seen)


async def test_azure_takes_an_entra_token_in_place_of_a_key() -> None:
    async with scripted(idle) as server:
        token = {"Authorization": "Bearer entra-token"}
        await meet(Target("azure", f"http://{server.host}", "my-voice", headers=token))
    assert server.requests[0].headers["Authorization"] == "Bearer entra-token"
    assert "api-key" not in server.requests[0].headers


async def test_azure_takes_an_entra_token_as_the_key() -> None:
    token = "eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4In0.c2ln"
    way = endpoint(Target("azure", "https://r.openai.azure.com", "d", Private(token)))
    assert headers(way) == {"Authorization": f"Bearer {token}"}


# ---------------------------------------------------------------- compatible servers


async def beta_turn(peer: Peer) -> None:
    session = {"id": "sess_1", "model": "m", "voice": "alloy", "modalities": ["text", "audio"]}
    await peer.emit({"type": "session.created", "session": session})
    await peer.expect("session.update")
    await peer.expect("response.create")
    ids = {"response_id": "r1", "item_id": "a1", "output_index": 0, "content_index": 0}
    await peer.emit(
        {"type": "response.created", "response": {"id": "r1", "status": "in_progress"}},
        {"type": "response.audio.delta", "delta": "AQA=", **ids},
        {"type": "response.audio.done", **ids},
        {"type": "response.done", "response": {"id": "r1", "status": "completed", "output": []}},
    )
    await peer.until_closed()


def beta_turn_was_heard(server: Scripted, seen: list[Event]) -> None:
    update = server.received[0]["session"]
    assert update["modalities"] == ["text", "audio"]
    assert "type" not in update
    assert "audio" not in update
    assert AssistantAudio("r1", "a1", b"\x01\x00") in seen
    assert isinstance(seen[-1], ResponseEnded)


async def test_a_beta_shaped_server_holds_a_turn() -> None:
    async with scripted(beta_turn) as server:
        where = Target("compatible", server.url, "step-audio-2", Private(KEY), provider="stepfun")
        seen = await meet(where, do.Configure(Plan()), do.Respond())
    assert server.requests[0].path == "/v1/realtime?model=step-audio-2"
    assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}"
    assert "OpenAI-Beta" not in server.requests[0].headers
    beta_turn_was_heard(server, seen)


async def test_a_server_that_listens_at_16_khz_is_sent_16_khz() -> None:
    async with scripted(beta_turn) as server:
        where = Target("compatible", server.url, provider="qwen", api_key=Private(KEY))
        sound = do.SendAudio(bytes(2 * 24_000))
        await meet(where, do.Configure(Plan()), sound, do.Commit(), do.Respond())
    assert server.requests[0].path == "/v1/realtime?model=qwen3-omni-flash-realtime"
    audio = [m["audio"] for m in server.received if m["type"] == "input_audio_buffer.append"]
    assert sum(len(piece) for piece in audio) * 3 // 4 == pytest.approx(2 * 16_000, abs=4)


def test_a_voice_at_the_top_of_the_session() -> None:
    dialect = open_leg(
        Target("compatible", provider="xai", api_key=Private(KEY)), pcm16(24_000)
    ).dialect
    session = json.loads(dialect.encode(do.Configure(Plan(voice="eve")))[0])["session"]
    assert session["voice"] == "eve"
    assert session["turn_detection"] is None
    assert "turn_detection" not in session["audio"]["input"]


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_every_provider_of_the_table_can_be_called_by_name(name: str) -> None:
    where = Target("compatible", "wss://voice.example.com/v1/", "m", provider=name)
    way = endpoint(where)
    assert way.base_url == "https://voice.example.com/v1"
    assert way.host == "voice.example.com"
    assert way.capabilities.name == name


# ---------------------------------------------------------------- settings

BAD: list[tuple[Target, str]] = [
    (Target("openai"), "api_key: expected a key"),
    (Target("openai", api_key=Private("sk-a b")), "expected one word of printable ASCII"),
    (Target("openai", api_key=Private("sk-\u00e9\u00e9")), "expected one word of printable ASCII"),
    (Target("openai", "api.openai.com", api_key=Private(KEY)), "got 'api.openai.com'"),
    (Target("openai", "ftp://x/v1", api_key=Private(KEY)), "base_url: expected an address"),
    (Target("openai", "http://x:99999/v1", api_key=Private(KEY)), "base_url: expected an address"),
    (Target("openai", "http://a b/v1", api_key=Private(KEY)), "base_url: expected an address"),
    (Target("embedded"), "base_url: expected an address such as http://127.0.0.1:8081/v1"),
    (Target("azure", "https://r.openai.azure.com", api_key=Private(KEY)), "Azure deployment"),
    (Target("azure", "https://r.openai.azure.com", "d"), "key of the Azure resource"),
    (Target("azure", "", "d", Private(KEY)), "such as https://my-resource.openai.azure.com"),
    (Target("compatible", "http://x/v1", "m", provider="acme"), "provider: expected one of azure"),
    (Target("compatible", "", "m"), "base_url: expected an address"),
    (Target("compatible", "http://x/v1"), "name of a model of 'ga'"),
]


@pytest.mark.parametrize(("where", "words"), BAD, ids=[words for _, words in BAD])
def test_settings_that_lead_nowhere_say_which_key_and_what_fits(where: Target, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        open_leg(where, pcm16(24_000))
    said = str(refused.value)
    assert words.replace("one of azure", "one of beta") in said
    assert KEY not in said


def test_a_password_in_an_address_is_not_shown() -> None:
    with pytest.raises(SettingsError) as refused:
        open_leg(Target("embedded", "ftp://me:secret@host/v1"), pcm16(24_000))
    assert "secret" not in str(refused.value)


def test_openai_is_the_default_address_and_the_catalogue_names_the_model() -> None:
    way = endpoint(Target("openai", api_key=Private(KEY + "\n")))
    assert (way.base_url, way.model) == ("https://api.openai.com/v1", "gpt-realtime-2.1")
    assert headers(way) == {"Authorization": f"Bearer {KEY}"}


def test_the_embedded_assistant_has_no_model_that_costs_money() -> None:
    way = endpoint(Target("embedded", "http://127.0.0.1:8081/v1"))
    assert load().audio_price(way.model) == 0.0


def test_the_operators_headers_win() -> None:
    where = Target("openai", api_key=Private(KEY))
    way = endpoint(replace(where, headers={"Authorization": "Basic abc"}))
    assert headers(way)["Authorization"] == "Basic abc"
