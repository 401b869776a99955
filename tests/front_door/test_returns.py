"""A Realtime client that loses its socket comes back with its token and finds its conversation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.front_door.line import Line, called
from tests.house import House, PlainMind, open_house

pytestmark = pytest.mark.virtual_clock

LONG = "An answer that goes on for quite a while. " * 5
QUERY = "?model=gpt-realtime-2.1&returns=1"


async def token_of(line: Line) -> str:
    line.typed = False  # an event that only those get who asked for it
    told: dict[str, Any] = await line.until("trunkline.resume")
    line.typed = True
    assert told["seconds"] == 30
    return str(told["token"])


async def lose(line: Line, house: House) -> None:
    line.socket.transport.abort()
    await asyncio.sleep(1)
    assert house.gateway.switchboard.statistics().live == 1


async def test_the_conversation_goes_on_where_it_was() -> None:
    async with open_house(PlainMind(LONG)) as house:
        async with called(house, QUERY) as line:
            token = await token_of(line)
            await line.say("response.create")
            answer = (await line.until("response.created"))["response"]["id"]
            await line.until("response.output_audio.delta")
            await lose(line, house)
        async with called(house, f"?resume={token}") as again:
            session = (await again.until("session.updated"))["session"]
            assert session["object"] == "realtime.session"
            done = (await again.until("response.done"))["response"]
            assert (done["id"], done["status"]) == (answer, "cancelled")
            await again.say("response.create")
            assert (await again.until("response.done"))["response"]["status"] == "completed"
            assert house.gateway.switchboard.statistics().admitted == 1
            await lose(again, house)
        async with called(house, f"?resume={token}") as third:
            await third.until("session.updated")


async def test_of_several_sockets_that_come_back_at_once_none_ends_the_answer_of_another() -> None:
    async def come_back(house: House, token: str) -> list[tuple[str, str]]:
        async with called(house, f"?resume={token}") as again:
            try:
                done = (await again.until("response.done"))["response"]
            except ConnectionClosed:
                return []  # another has taken its place
            return [(done["id"], done["status"])]

    async with open_house(PlainMind(LONG)) as house, called(house, QUERY) as line:
        token = await token_of(line)
        await line.say("response.create")
        answer = (await line.until("response.created"))["response"]["id"]
        await line.until("response.output_audio.delta")
        async with asyncio.timeout(60):
            told = await asyncio.gather(*(come_back(house, token) for _ in range(8)))
    assert [done for each in told for done in each] == [(answer, "completed")]


async def test_a_call_is_waited_for_no_longer_than_was_said() -> None:
    async with open_house(PlainMind("Yes.")) as house:
        async with called(house, QUERY) as line:
            token = await token_of(line)
            await line.say("response.create")
            await line.until("response.done")
            await lose(line, house)
        await asyncio.sleep(31)
        assert house.gateway.switchboard.statistics().live == 0
        async with called(house, f"?resume={token}") as again:
            assert (await again.recv())["error"]["code"] == "session_not_found"


@pytest.mark.parametrize("word", ["", "resume_nobody", "call_1"])
async def test_nobody_comes_back_with_a_token_that_was_never_given(word: str) -> None:
    async with open_house() as house, called(house, f"?resume={word}") as line:
        assert (await line.recv())["error"]["code"] == "session_not_found"


async def test_a_client_that_did_not_ask_to_be_waited_for_is_gone() -> None:
    async with open_house(PlainMind("Yes.")) as house:
        async with called(house) as line:
            await line.say("response.create")
            done = await line.until("response.done")
            assert done["response"]["status"] == "completed"
            line.socket.transport.abort()
        await asyncio.sleep(1)
        assert house.gateway.switchboard.statistics().live == 0
