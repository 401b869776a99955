"""A second socket on a live call: it sees what happens, and may say what is to be done."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gateway.embedded.parts import CallPiece, Say
from tests.front_door.line import Script, called, speech
from tests.front_door.test_clients import SHOW_MAP
from tests.house import House, open_house


def call_id(house: House) -> str:
    (found,) = house.gateway.switchboard._live
    return str(found).replace("call_", "rtc_")


async def test_a_sideband_sees_the_turns_of_a_clients_call_without_its_audio() -> None:
    mind = Script([Say("Yes.")])
    async with open_house(mind) as house, called(house) as line:
        await line.configure(instructions="Be kind.")
        await line.flush()
        async with called(house, f"?call_id={call_id(house)}") as side:
            created = await side.until("session.created")
            assert created["session"]["instructions"] == "Be kind."
            await line.speak(speech())
            await line.until("response.done")
            done = await side.until("response.done")
            assert done["response"]["output"][0]["content"][0]["transcript"] == "Yes."
            assert not side.heard()
            mine, its = (one.all("input_audio_buffer.committed")[0] for one in (line, side))
            assert mine["item_id"] == its["item_id"]
            await side.say("input_audio_buffer.append", audio="AAAA", event_id="sound")
            assert (await side.error())["code"] == "invalid_event_for_transport"


async def test_a_sideband_changes_a_call_and_answers_its_functions() -> None:
    mind = Script([CallPiece(0, "show_map", "{}")], [Say("There it is.")])
    async with open_house(mind) as house, called(house) as line:
        await line.configure(output_modalities=["text"])
        await line.flush()
        async with called(house, f"?call_id={call_id(house)}") as side:
            session = await side.configure(tools=[SHOW_MAP], instructions="Show maps.")
            assert session["output_modalities"] == ["text"], "what it does not name stays"
            await side.say("response.create")
            (call,) = (await side.until("response.done"))["response"]["output"]
            answer = {"type": "function_call_output", "call_id": call["call_id"], "output": "ok"}
            await side.say("conversation.item.create", item=answer)
            await side.say("response.create")
            done = (await side.until("response.done"))["response"]
            assert done["output"][0]["content"] == [{"type": "output_text", "text": "There it is."}]
        while len(line.all("response.done")) < 2:
            await line.recv()
        assert line.all("response.done")[-1]["response"]["id"] == done["id"]
        await line.say("response.create")
        await line.until("response.done")  # the call goes on without its sideband
        assert mind.asked[0].instructions == "Show maps."


async def test_a_sideband_follows_a_call_that_came_another_way() -> None:
    mind = Script([Say("Yes.")])
    async with open_house(mind) as house, connect(house.browser) as page:
        await page.send(json.dumps({"type": "start", "reports": False}))
        await page.recv()
        async with called(house, f"?call_id={call_id(house)}") as side:
            await side.until("session.created")
            await page.send(json.dumps({"type": "text", "text": "Hello?"}))
            done = await side.until("response.done")
            assert done["response"]["output"][0]["content"][0]["transcript"] == "Yes."
            await side.say("response.create", response={"instructions": "Say goodbye."})
            await side.until("response.done")
            await page.send(json.dumps({"type": "digit", "digit": "7"}))
            assert (await side.until("input_audio_buffer.dtmf_event_received"))["event"] == "7"


async def test_the_end_of_the_call_ends_its_sideband() -> None:
    async with open_house(Script()) as house, called(house) as line:
        await line.say("response.create")
        await line.until("response.done")
        async with called(house, f"?call_id={call_id(house)}") as side:
            await side.until("session.created")
            await line.socket.close()
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(drain(side.socket), 10)
            assert side.socket.close_code == 1000


async def drain(socket: Any) -> None:
    while True:
        await socket.recv()


async def test_a_call_that_is_not_there_has_no_sideband() -> None:
    async with open_house(Script()) as house, called(house, "?call_id=rtc_0") as side:
        assert (await side.recv())["error"]["code"] == "call_id_not_found"
        with pytest.raises(ConnectionClosed):
            await side.recv()
        assert side.socket.close_code == 4000
