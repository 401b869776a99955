"""The sample order desk, as a call uses it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tools import Toolbox

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture
def desk():
    with Toolbox.load(SAMPLES / "orderdesk.py") as toolbox:
        yield toolbox


async def ask(desk, name, number):
    return await desk.run(name, json.dumps({"order_number": number}))


@pytest.mark.parametrize("number", ["4217", 4217, "4 2 1 7", "42-17", "#4217"])
async def test_an_order_is_found_however_its_number_was_written_down(desk, number):
    told = json.loads((await ask(desk, "look_up_order", number)).output)
    assert told["status"] == "packed"
    assert told["ship_date"] == "2026-11-25"
    assert told["message"] == (
        "Order 4217, two blue kettles, is packed and ships on Wednesday, November 25."
    )


async def test_the_ship_date_is_told_in_a_sentence(desk):
    said = {
        n: json.loads((await ask(desk, "ship_date", n)).output) for n in ("5538", "1042", "3864")
    }
    assert said["5538"]["message"] == "Order 5538 ships on Friday, November 27."
    assert said["1042"]["message"] == "Order 1042 was shipped on Sunday, November 22."
    assert said["3864"]["ship_date"] is None


async def test_an_open_order_is_cancelled_once(desk):
    first = json.loads((await ask(desk, "cancel_order", "5538")).output)
    assert first == {
        "order_number": "5538",
        "cancelled": True,
        "message": "Order 5538, a desk lamp, is cancelled.",
    }
    again = json.loads((await ask(desk, "cancel_order", "5538")).output)
    assert (again["cancelled"], again["message"]) == (False, "Order 5538 was cancelled before.")


async def test_a_shipped_order_is_not_cancelled(desk):
    told = json.loads((await ask(desk, "cancel_order", "1042")).output)
    assert told["cancelled"] is False
    assert told["message"] == "Order 1042 has already been shipped, so it cannot be cancelled."


async def test_an_order_that_is_not_there_and_a_number_that_is_none_are_told(desk):
    assert (await ask(desk, "look_up_order", "9999")).output == "There is no order 9999."
    assert "order_number" in (await ask(desk, "look_up_order", "55")).output


async def test_only_one_of_many_at_once_cancels(desk):
    results = await asyncio.gather(*(ask(desk, "cancel_order", "9771") for _ in range(12)))
    assert sum(json.loads(result.output)["cancelled"] for result in results) == 1


async def test_every_toolbox_starts_anew_unless_a_file_is_named(desk, tmp_path, monkeypatch):
    await ask(desk, "cancel_order", "4217")
    monkeypatch.setenv("ORDER_DESK_DB", str(tmp_path / "orders.db"))
    with Toolbox.load(SAMPLES / "orderdesk.py") as first:
        told = json.loads((await ask(first, "cancel_order", "4217")).output)
    assert told["cancelled"]
    with Toolbox.load(SAMPLES / "orderdesk.py") as second:
        told = json.loads((await ask(second, "cancel_order", "4217")).output)
    assert told["message"] == "Order 4217 was cancelled before."


def test_the_model_is_told_what_an_order_number_looks_like(desk):
    for spec in desk.specs:
        assert spec.parameters["properties"]["order_number"] == {
            "type": "string",
            "pattern": "^[0-9]{4}$",
            "description": "The order number: four digits.",
        }


async def test_the_smallest_tool_module_loads_and_answers():
    with Toolbox.load(SAMPLES / "programs" / "hello_tool.py") as toolbox:
        result = await toolbox.run("roll_dice", '{"sides": 2}')
    assert result.output in {"You rolled a 1.", "You rolled a 2."}
