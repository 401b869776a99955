"""A slow caller and a slow model slow their own call, and no other."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import connect

from gateway.embedded.faultplan import Fault, FaultPlan
from gateway.embedded.faultproxy import serve_faults
from gateway.embedded.server import Assistant
from gateway.embedded.server import serve as serve_embedded
from tests.house import EchoEars, House, PlainMind, ToneMouth, message, open_house
from tests.test_switchboard import until
from tests.whole import BriefMind, Typist, open_whole, typing

LONG = "An answer that goes on for quite a while. " * 40


async def seconds(caller: Typist) -> float:
    """How long an answer takes until it has been heard."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await caller.ask("Hello?")
    return loop.time() - began


@pytest.mark.virtual_clock
@pytest.mark.parametrize("kind", ["delay", "half_open"])
async def test_a_model_that_is_slow_in_one_call_is_quick_in_the_other(kind: str) -> None:
    slow = Fault("delay", session=1, times=0, ms=3_000)
    gone = Fault("half_open", session=1, event="response.created")
    plan = FaultPlan((slow if kind == "delay" else gone,))
    assistant = Assistant(EchoEars(), BriefMind("Yes."), ToneMouth())
    async with serve_embedded(assistant) as model, serve_faults(model.base_url, plan) as faulty:
        told = {"TRUNKLINE_ASSISTANT__BASE_URL": faulty.base_url}
        async with open_whole(told) as house, typing(house) as first, typing(house) as second:
            waits = asyncio.create_task(first.ask("Hello?"))
            took = [await seconds(second) for _ in range(3)]
            assert max(took) < 1
            assert not waits.done()
            waits.cancel()
            await asyncio.gather(waits, return_exceptions=True)


async def reader(house: House) -> list[float]:
    """How long each answer took beside a caller that does not read."""
    async with typing(house) as caller:
        return [await seconds(caller) for _ in range(3)]


async def test_a_caller_that_does_not_read_slows_nobody_else() -> None:
    mind = PlainMind("Yes.")
    async with (
        open_house(mind) as house,
        connect(house.browser, max_queue=1, compression=None, close_timeout=0.1) as deaf,
    ):
        alone = await reader(house)
        mind.sentence = LONG
        await deaf.send(message("start", reports=False))
        await deaf.send(message("text", text="hello"))
        await until(deaf, "audio")  # and nothing of what follows is read
        mind.sentence = "Yes."
        beside = await reader(house)
        assert max(beside) < max(alone) + 0.5
        deaf.transport.abort()
