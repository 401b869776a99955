"""The recipes of docs/clients.md, run as they stand there against a gateway."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from agents import set_tracing_disabled

from gateway.embedded.parts import CallPiece, Returned, Say
from tests.front_door.line import Script
from tests.house import House, open_house

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"


def recipe(house: House, word: str) -> dict[str, Any]:
    """The names that a recipe defines, with the gateway's address in it."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (text,) = [block for block in blocks if word in block]
    text = text.replace("https://voice.example.com", house.address)
    text = text.replace("wss://voice.example.com", house.address.replace("http", "ws"))
    names: dict[str, Any] = {"KEY": "any", "__name__": "recipe"}
    exec(compile(text, str(PAGE), "exec"), names)
    return names


async def test_the_recipe_for_the_openai_package_asks_and_is_answered() -> None:
    async with open_house(Script([Say("On Monday.")])) as house:
        names = recipe(house, "AsyncOpenAI")
        assert await asyncio.wait_for(names["ask"]("When does it ship?"), 20) == "On Monday."
        await names["client"].close()


async def test_the_recipe_for_the_agents_package_calls_its_tool() -> None:
    set_tracing_disabled(True)
    mind = Script([CallPiece(0, "find", '{"number": 7}')], [Say("On Monday.")])
    async with open_house(mind) as house:
        await asyncio.wait_for(recipe(house, "RealtimeRunner")["talk"](), 20)
    assert mind.asked[1].lines[-1] == Returned(
        mind.asked[1].lines[-1].call_id,  # type: ignore[union-attr]
        "It ships on Monday.",
    )
