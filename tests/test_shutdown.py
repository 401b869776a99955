"""A gateway that is told to stop: no new calls, time for live ones, and a goodbye to the rest."""

from __future__ import annotations

import asyncio
import json

import httpx2
import pytest
import websockets

from gateway.announcements import going_down
from gateway.running.serving import shut_down
from gateway.switchboard import GOING
from tests.house import House, PlainMind, message, open_house
from tests.test_switchboard import until

LONG = "An answer that goes on for quite a while. " * 20


async def ready(house: House) -> int:
    async with httpx2.AsyncClient() as http:
        return (await http.get(house.address + "/readyz")).status_code


@pytest.mark.virtual_clock
async def test_a_call_may_come_to_its_own_end_while_no_other_begins() -> None:
    variables = {"TRUNKLINE_SHUTDOWN__FINISH_S": "60"}
    async with open_house(variables=variables) as house:
        assert await ready(house) == 200
        async with websockets.connect(house.browser) as caller:
            await caller.send(message("start", reports=False))
            await until(caller, "started")
            stopping = asyncio.create_task(shut_down(house.gateway))
            await asyncio.sleep(50)
            assert await ready(house) == 503
            assert not stopping.done()
            await caller.send(message("hangup"))
            assert (await until(caller, "ended"))["reason"] == "hung up"
        await stopping


@pytest.mark.virtual_clock
async def test_who_is_left_is_told_goodbye_whoever_speaks_at_that_moment() -> None:
    async with (
        open_house(PlainMind(LONG)) as house,
        websockets.connect(house.browser, max_queue=None) as caller,
    ):
        await caller.send(message("start", reports=False))
        plan = house.gateway.switchboard.sessions[0].plan
        await caller.send(message("text", text="hello"))
        await until(caller, "audio")
        began = asyncio.get_running_loop().time()
        stopping = asyncio.create_task(shut_down(house.gateway))
        heard: dict[str, int] = {}
        item, reason = "", ""
        async for frame in caller:
            if isinstance(frame, bytes):
                heard[item] = heard.get(item, 0) + len(frame)
            elif (said := json.loads(frame))["type"] == "audio":
                item = said["item"]
            elif said["type"] == "ended":
                reason = said["reason"]
        await stopping
        took = asyncio.get_running_loop().time() - began
    assert reason == GOING
    assert heard["goodbye"] == len(going_down(plan.format))
    finish = house.gateway.settings.shutdown.finish_s
    assert finish + 4 < took < finish + house.gateway.settings.shutdown.goodbye_s


@pytest.mark.virtual_clock
async def test_nobody_is_waited_for_who_will_not_go() -> None:
    short = {"TRUNKLINE_SHUTDOWN__FINISH_S": "0", "TRUNKLINE_SHUTDOWN__GOODBYE_S": "1"}
    async with (
        open_house(variables=short) as house,
        websockets.connect(house.browser, max_queue=None) as caller,
    ):
        await caller.send(message("start", reports=False))
        await until(caller, "started")
        began = asyncio.get_running_loop().time()
        await shut_down(house.gateway)
        assert asyncio.get_running_loop().time() - began < 4
        assert (await until(caller, "ended"))["reason"] == GOING
