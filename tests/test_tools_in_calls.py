"""Whole calls over real sockets in which tools misbehave, come late, or come and go."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect

from gateway.embedded.parts import CallPiece, Heard, Returned, Say, Situation, Thought
from gateway.rehearsal.caller import SampleCaller
from gateway.rehearsal.conversation import Conversation
from gateway.rehearsal.script import Script, Think, Turn, Type
from tests.house import House, PlainMind, message, open_house
from tests.pictures import drawn
from tools import ToolContext, tool

pytestmark = pytest.mark.virtual_clock


class Operator:
    """A mind that calls what the caller types, `name {arguments}`, and says what comes back."""

    def __init__(self) -> None:
        self.offered: list[str] = []

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        self.offered = [function.name for function in situation.functions]
        last = situation.lines[-1]
        if situation.request:
            yield Say("Wait.")
        elif isinstance(last, Returned):
            yield Say(last.output[:20])
        elif isinstance(last, Heard) and situation.choice != "none":
            name, _, arguments = last.text.partition(" ")
            for at in range(0, len(arguments), 4):
                yield CallPiece(0, name, arguments[at : at + 4])
                await asyncio.sleep(0.1)  # a model writes no faster

    async def close(self) -> None: ...


async def converse(house: House, *lines: str) -> Conversation:
    turns = tuple(Turn(Type(line), Think(0.2)) for line in lines)
    return await SampleCaller(Script("tools", turns), {}).call(house.browser, "")


@tool
async def raises(x: int = 0) -> str:
    """Raise."""
    raise RuntimeError("a secret")


@tool(timeout=2)
async def hangs() -> str:
    """Hang."""
    await asyncio.Event().wait()
    return "never"


@tool
async def unserialisable() -> object:
    """Give what no JSON can hold."""
    return object()


@tool
async def huge() -> str:
    """Give ten megabytes."""
    return "x" * 10_000_000


@tool
async def prints() -> str:
    """Print."""
    print("to stdout")  # noqa: T201
    return "printed"


@tool
async def blocks() -> str:
    """Block the loop."""
    time.sleep(0.12)  # noqa: ASYNC251
    return "blocked"


@tool
def leaves() -> str:
    """Leave the interpreter."""
    raise SystemExit(1)


@tool
async def count_pixels(context: ToolContext) -> list[str]:
    """Look at the pictures."""
    return [f"{one.media_type} {len(one.data)}" for one in context.images]


BAD = (raises, hangs, unserialisable, huge, prints, blocks, leaves)


async def test_the_call_goes_on_whatever_its_tools_do(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{one.name} {{}}" for one in BAD]
    lines += ["raises {", 'raises {"x": "many"}', 'unknown {"x": 1}', "raises []"]
    async with open_house(Operator(), BAD) as house:
        conversation = await converse(house, *lines)
    assert conversation.complete
    assert [use.name for use in conversation.tool_calls] == [line.split()[0] for line in lines]
    assert [use.status for use in conversation.tool_calls[:7]] == [
        *("failed", "failed", "failed", "failed", "done", "done", "failed")
    ]
    assert {use.status for use in conversation.tool_calls[7:]} == {"failed"}
    assert all(use.output for use in conversation.tool_calls)
    assert len(conversation.texts("assistant")) >= len(lines)
    failed = {one.tool for one in caplog.records if one.getMessage() == "a tool failed"}  # type: ignore[attr-defined]
    assert failed >= {"raises", "hangs", "unserialisable", "leaves"}
    assert not [one for one in caplog.records if "a secret" in str(vars(one))]
    assert capsys.readouterr().out == ""


async def test_a_picture_that_the_caller_shows_on_the_page_reaches_the_tools() -> None:
    url = "data:image/png;base64," + b64encode(drawn()).decode()
    mind = PlainMind(call="count_pixels")
    async with open_house(mind, [count_pixels]) as house, connect(house.browser) as page:
        await page.send(message("start", reports=True))
        await page.send(message("image", url=url, text="Count them."))
        async for frame in page:
            told = json.loads(frame) if isinstance(frame, str) else {}
            if told.get("type") == "tool" and told["status"] != "running":
                break
    assert told["status"] == "done"
    assert told["output"].startswith('["image/png ')


async def test_a_model_that_calls_itself_for_ever_is_brought_to_an_end() -> None:
    class Endless(Operator):
        async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
            if situation.choice == "none":
                yield Say("Here is all I know.")
            else:
                yield CallPiece(0, "prints", json.dumps({}))

    async with open_house(Endless(), [prints], {"TRUNKLINE_TOOLS__ROUNDS": "4"}) as house:
        conversation = await converse(house, "begin")
    runs = [use for use in conversation.tool_calls if use.status == "done"]
    assert len(runs) == 4
    assert conversation.texts("assistant") == ["Here is all I know."]


async def test_a_tool_begins_while_its_arguments_are_still_being_written() -> None:
    times: dict[str, float] = {}

    @tool(prefetch=True, side_effects=False)
    async def find(order: str, note: str = "") -> str:
        """Find."""
        times.setdefault("began", asyncio.get_running_loop().time())
        await asyncio.sleep(0.2)
        return f"order {order}"

    class Writes(Operator):
        async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
            async for thought in super().answer(situation):
                yield thought
            times.setdefault("written", asyncio.get_running_loop().time())

    async with open_house(Writes(), [find]) as house:
        conversation = await converse(house, 'find {"order": "4217"             }')
    assert [use.output for use in conversation.tool_calls] == ["order 4217"]
    assert times["began"] < times["written"] - 0.2


async def test_tools_that_come_and_go_reach_the_model_in_the_middle_of_a_call() -> None:
    mind, seen = Operator(), []

    @tool
    async def late() -> str:
        """Late."""
        seen.append(list(mind.offered))
        return "late"

    async with open_house(mind) as house:

        @tool
        async def bring(context: ToolContext) -> str:
            """Bring another tool."""
            house.gateway.toolbox.put("here", [late])
            return "brought"

        house.gateway.toolbox.add(bring)
        conversation = await converse(house, "bring {}", "late {}")
    assert [use.status for use in conversation.tool_calls] == ["done", "done"]
    assert seen == [["bring", "late"]]


async def test_many_tools_of_many_calls_run_beside_each_other() -> None:
    at_once, most = 0, 0

    @tool
    async def slow(n: int) -> str:
        """Slow."""
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(3)
        at_once -= 1
        return f"result {n}"

    async with open_house(Operator(), [slow]) as house:
        calls: list[Any] = [converse(house, f'slow {{"n": {n}}}') for n in range(8)]
        conversations = await asyncio.gather(*calls)
    assert most == 8
    for n, conversation in enumerate(conversations):
        assert conversation.texts("assistant") == ["Wait.", f"result {n}"]
