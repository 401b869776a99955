"""Whole calls over WebRTC: aiortc's own peer on one side, a gateway on the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from audio import wav
from gateway.files import samples_dir
from tests.callers.rtc_caller import RATE, Caller
from tests.house import House, PlainMind, open_house

SPOKEN = wav.read(samples_dir() / "audio" / "human" / "cards_001.wav", rate=RATE)
SDP = {"content-type": "application/sdp"}


@asynccontextmanager
async def on_call(house: House, **options: str) -> AsyncIterator[tuple[Caller, str]]:
    """A caller whose call has begun, and the address of the call."""
    caller = Caller()
    try:
        where = await place(house, caller)
        await caller.wait("started")
        yield caller, where
    finally:
        await caller.close()


def ask(house: House) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=house.address)


async def place(house: House, caller: Caller, path: str = "/v1/realtime/calls") -> str:
    async with ask(house) as http:
        answer = await http.post(
            f"{path}?channel=trunkline", content=await caller.offer(), headers=SDP
        )
    assert answer.status_code == 201, answer.text
    assert answer.headers["content-type"] == "application/sdp"
    await caller.take(answer.text)
    return answer.headers["location"]


async def quiet(house: House) -> None:
    """Until no call is live."""
    async with asyncio.timeout(10):
        while house.gateway.switchboard.statistics().live:
            await asyncio.sleep(0)


async def test_a_caller_speaks_over_a_track_is_answered_on_one_and_interrupts() -> None:
    async with (
        open_house(PlainMind("An answer. " * 20)) as house,
        on_call(house) as (caller, where),
    ):
        assert where.startswith("/v1/realtime/calls/rtc_")
        caller.say(SPOKEN)
        await caller.wait("words", role="caller", final=True)
        await caller.wait_until(lambda: caller.loud() > 50)
        caller.say(SPOKEN)
        cut = await caller.wait("words", role="assistant", cut=True)
        assert cut["text"].startswith("An answer.")
        assert len(cut["text"]) < 200
        caller.send("hangup")
        await caller.wait("ended")
        await quiet(house)


async def test_a_call_is_hung_up_by_its_address_and_then_unknown() -> None:
    async with open_house() as house, on_call(house) as (caller, where):
        async with ask(house) as http:
            for order in ("accept", "reject", "refer"):
                assert (await http.post(f"{where}/{order}")).status_code == 409
            assert (await http.post(f"{where}/hangup")).status_code == 200
            await caller.wait("ended")
            await quiet(house)
            gone = await http.post(f"{where}/hangup")
        assert gone.status_code == 404
        assert gone.json()["error"]["code"] == "call_not_found"


async def test_a_caller_whose_line_broke_comes_back_to_the_same_call() -> None:
    async with open_house(PlainMind("Yes.")) as house, on_call(house) as (caller, where):
        await caller.wait("started")
        again = Caller()
        try:
            assert await place(house, again, where) == where
            started = await again.wait("started")
            assert started["call"] == caller.messages[0]["call"]
            again.say(SPOKEN)
            await again.wait("words", role="assistant", final=True)
            again.send("hangup")
            await again.wait("ended")
        finally:
            await again.close()
        await quiet(house)


async def test_a_caller_that_closes_its_connection_and_stays_away_has_left() -> None:
    async with open_house(variables={"TRUNKLINE_WEBRTC__RETURN_S": "0.2"}) as house:
        async with on_call(house):
            assert house.gateway.switchboard.statistics().live == 1
        await quiet(house)


async def test_a_peer_that_never_finds_the_way_is_dropped() -> None:
    async with open_house(variables={"TRUNKLINE_WEBRTC__CONNECT_S": "1"}) as house:
        caller = Caller()
        async with ask(house) as http:
            url = "/v1/realtime/calls?channel=trunkline"
            answer = await http.post(url, content=await caller.offer(), headers=SDP)
        assert answer.status_code == 201
        assert house.gateway.switchboard.statistics().live == 1
        await caller.close()
        await quiet(house)


@pytest.mark.parametrize(
    ("offer", "code"),
    [
        ("", "invalid_offer"),
        ("hello", "invalid_offer"),
        ("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n", "no_audio"),
        ("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtpmap:0 PCMU/8000\r\n", "unsupported_codec"),
    ],
)
async def test_an_offer_that_cannot_be_answered_is_refused_with_its_reason(
    offer: str, code: str
) -> None:
    async with open_house() as house, ask(house) as http:
        url = "/v1/realtime/calls?channel=trunkline"
        refused = await http.post(url, content=offer, headers=SDP)
        assert refused.status_code == 400
        assert refused.json()["error"]["code"] == code
        assert house.gateway.switchboard.statistics().live == 0


async def test_who_shows_no_token_or_sends_no_offer_is_turned_away() -> None:
    variables = {"TRUNKLINE_SERVER__TOKEN": "secret"}
    async with open_house(variables=variables) as house, ask(house) as http:
        assert (await http.post("/v1/realtime/calls", content="v=0")).status_code == 401
        assert (await http.get("/v1/realtime/ice_servers")).status_code == 401
        known = {"authorization": "Bearer secret"}
        wrong = await http.post("/v1/realtime/calls", json={}, headers=known)
        assert wrong.status_code == 415
        large = await http.post("/v1/realtime/calls", content=bytes(300_000), headers=known)
        assert large.status_code == 413


async def test_the_page_is_told_where_to_find_the_way() -> None:
    variables = {
        "TRUNKLINE_WEBRTC__ICE_SERVERS": '["stun:192.0.2.9:3478", "turn:192.0.2.9:3478"]',
        "TRUNKLINE_WEBRTC__TURN_SECRET": "shared",
    }
    async with open_house(variables=variables) as house, ask(house) as http:
        told = (await http.get("/v1/realtime/ice_servers")).json()
    stun, turn = told["iceServers"]
    assert stun == {"urls": ["stun:192.0.2.9:3478"]}
    assert turn["username"].endswith(":page")
    assert "shared" not in str(told)
