"""A Realtime client over WebRTC: sound on the track, the protocol on its data channel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from audio import wav
from gateway.files import samples_dir
from tests.callers.rtc_caller import RATE, Caller
from tests.front_door.line import EVENT, called
from tests.house import House, PlainMind, open_house

SDP = {"content-type": "application/sdp"}
CALLS = "/v1/realtime/calls"
SPOKEN = wav.read(samples_dir() / "audio" / "human" / "cards_001.wav", rate=RATE)
Json = dict[str, Any]


def form(offer: str, session: Json) -> dict[str, Any]:
    """As OpenAI's unified interface has it."""
    return {
        "sdp": (None, offer, "application/sdp"),
        "session": (None, json.dumps(session), "application/json"),
    }


@asynccontextmanager
async def connected(
    house: House, session: Json | None = None, dcid: int | None = None, key: str = ""
) -> AsyncIterator[tuple[Caller, str]]:
    """A client that was greeted, and the address of its call."""
    caller = Caller(label="oai-events", begins=False, known_channel=dcid)
    path = CALLS if dcid is None else f"{CALLS}?dcid={dcid}"
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        async with httpx2.AsyncClient(base_url=house.address, headers=headers) as http:
            offer = await caller.offer()
            if session is None:
                answer = await http.post(path, content=offer, headers=SDP)
            else:
                answer = await http.post(path, files=form(offer, session))
        assert answer.status_code == 201, answer.text
        await caller.take(answer.text)
        await caller.wait("session.created")
        yield caller, answer.headers["location"]
    finally:
        await caller.close()
        for event in caller.messages:
            EVENT.validate_python(event)


def kinds(caller: Caller, beginning: str) -> list[str]:
    return [m["type"] for m in caller.messages if m["type"].startswith(beginning)]


async def test_a_conversation_is_spoken_on_the_track_and_followed_on_the_channel() -> None:
    session = {"type": "realtime", "instructions": "Be brief.", "model": "gpt-realtime-2.1"}
    async with open_house(PlainMind("Short.")) as house, connected(house, session) as (caller, _):
        created = caller.messages[0]["session"]
        assert created["instructions"] == "Be brief."
        caller.say(SPOKEN)
        for kind in (
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "response.created",
            "output_audio_buffer.started",
            "response.output_audio_transcript.delta",
            "response.done",
            "output_audio_buffer.stopped",
        ):
            await caller.wait(kind)
        assert caller.loud() > 5
        assert "response.output_audio.delta" not in kinds(caller, "response")
        started = await caller.wait("output_audio_buffer.started")
        assert started["response_id"] == (await caller.wait("response.created"))["response"]["id"]


async def test_an_interruption_clears_the_sound_and_truncates_by_itself() -> None:
    mind = PlainMind("An answer. " * 20)
    async with open_house(mind) as house, connected(house, dcid=1) as (caller, _):
        caller.say(SPOKEN)
        await caller.wait_until(lambda: caller.loud() > 50)
        caller.say(SPOKEN)
        await caller.wait("output_audio_buffer.cleared")
        cut = await caller.wait("conversation.item.truncated")
        heard = caller.loud() * 20
        assert 500 < cut["audio_end_ms"] < heard + 500


async def test_what_is_not_for_this_transport_is_refused_and_the_call_goes_on() -> None:
    async with open_house() as house, connected(house) as (caller, where):
        caller.send("input_audio_buffer.append", audio="AAAA")
        refused = await caller.wait("error")
        assert refused["error"]["code"] == "invalid_event_for_transport"
        call_id = where.rpartition("/")[2]
        async with called(house, f"?call_id={call_id}") as sideband:
            await sideband.until("session.created")
            await sideband.say("response.create")
            await sideband.until("response.done")
        await caller.wait("response.done")
        caller.send("output_audio_buffer.clear")
        async with httpx2.AsyncClient(base_url=house.address) as http:
            assert (await http.post(f"{where}/hangup")).status_code == 200
        async with asyncio.timeout(5):
            while house.gateway.switchboard.statistics().live:
                await asyncio.sleep(0)


async def test_a_secret_opens_one_call_and_a_bad_session_none() -> None:
    variables = {"TRUNKLINE_SERVER__TOKEN": "key"}
    async with open_house(variables=variables) as house:
        async with httpx2.AsyncClient(base_url=house.address) as http:
            known = {"authorization": "Bearer key"}
            made = await http.post("/v1/realtime/client_secrets", json={}, headers=known)
            secret = made.json()["value"]
            assert (await http.post(CALLS, content="v=0", headers=SDP)).status_code == 401
            wrong = await http.post(CALLS, files=form("v=0", {"type": "other"}), headers=known)
            assert wrong.status_code == 400
        async with connected(house, key=secret):
            async with httpx2.AsyncClient(base_url=house.address) as http:
                again = await http.post(
                    CALLS, content="v=0", headers=SDP | {"authorization": f"Bearer {secret}"}
                )
            assert again.status_code == 401
            assert again.json()["error"]["code"] == "invalid_api_key"
