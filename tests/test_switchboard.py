"""The switchboard admits, counts and drains; whole calls run over real sockets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from audio.noise import white_noise
from gateway.embedded.server import ServerOptions
from tests.house import PlainMind, message, open_house

pytestmark = pytest.mark.virtual_clock


async def until(socket: Any, kind: str) -> dict[str, Any]:
    """The next message of that kind."""
    while True:
        got = await socket.recv()
        if isinstance(got, str) and (read := json.loads(got))["type"] == kind:
            return dict(read)


async def test_a_call_more_than_there_is_room_for_is_turned_away_in_words() -> None:
    one_line = {"TRUNKLINE_SERVER__MAX_CALLS": "1"}
    async with open_house(variables=one_line) as house, websockets.connect(house.browser) as first:
        await first.send(message("start", reports=False))
        await until(first, "started")
        words: Any = {"subprotocols": ["trunkline"]}
        async with websockets.connect(house.browser, **words) as second:
            error = await until(second, "error")
            assert "All 1 lines are busy" in error["message"]
            with pytest.raises(ConnectionClosed) as closed:
                await second.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
        with pytest.raises(InvalidStatus) as refused:
            await websockets.connect(house.browser)
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["retry-after"] == "10"
        assert house.gateway.switchboard.statistics().refused == 2
        await first.send(message("hangup"))
        await until(first, "ended")


async def test_draining_lets_live_calls_say_their_last_words_and_admits_no_more() -> None:
    async with open_house(PlainMind("Some last words.")) as house:
        board = house.gateway.switchboard
        async with websockets.connect(house.browser) as caller:
            await caller.send(message("start", reports=False))
            await until(caller, "started")
            await caller.send(message("text", text="hello"))
            await until(caller, "audio")
            drained = asyncio.create_task(board.drain(10))
            ended = await until(caller, "ended")
            assert ended["reason"] == "the gateway is shutting down"
            await drained
        assert not board.ready
        assert board.statistics().live == 0


async def test_a_caller_that_vanishes_is_gone() -> None:
    async with open_house() as house:
        caller = await websockets.connect(house.browser)
        await caller.send(message("start", reports=False))
        await until(caller, "started")
        caller.transport.abort()
        while house.gateway.switchboard.statistics().live:
            await asyncio.sleep(0.01)
        await caller.close()


async def test_a_model_that_is_not_there_is_said_to_the_caller_in_words() -> None:
    options = ServerOptions(keys=frozenset({"another-key"}))
    async with open_house(options=options) as house, websockets.connect(house.browser) as caller:
        await caller.send(message("start", reports=False))
        notice = await until(caller, "notice")
        assert notice["code"] == "assistant_lost"
        assert (await until(caller, "audio"))["item"] == "notice"
        ended = await until(caller, "ended")
        assert ended["reason"].startswith("assistant lost")


async def test_a_wrong_token_is_refused_before_any_call_begins() -> None:
    token = "a long random word"
    async with open_house(variables={"TRUNKLINE_SERVER__TOKEN": token}) as house:
        async with websockets.connect(house.browser + "?token=wrong") as caller:
            assert "token" in (await until(caller, "error"))["message"]
        headers = {"Authorization": f"Bearer {token}"}
        async with websockets.connect(house.browser, additional_headers=headers) as caller:
            await caller.send(message("start", reports=False))
            await until(caller, "started")
        assert house.gateway.switchboard.statistics().admitted == 1


async def test_another_sites_page_may_not_place_calls_here() -> None:
    async with open_house() as house:
        async with websockets.connect(house.browser, origin="https://evil.example") as caller:
            assert "Another site" in (await until(caller, "error"))["message"]
        assert house.gateway.switchboard.statistics().admitted == 0


async def test_white_noise_for_a_minute_is_taken_in_stride() -> None:
    async with open_house() as house, websockets.connect(house.browser) as caller:
        await caller.send(message("start", reports=False))
        noise = white_noise(1.0, 24_000, -20, 1)
        for _ in range(60):
            for at in range(0, len(noise), 960):
                await caller.send(noise[at : at + 960])
                await asyncio.sleep(0.02)
        await caller.send(message("hangup"))
        assert (await until(caller, "ended"))["reason"] == "hung up"
