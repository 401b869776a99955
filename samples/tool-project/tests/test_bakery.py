"""The bakery's tools: by themselves, and within a call."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date
from pathlib import Path

import bakery
import pytest

from tools import Toolbox, ToolError

BAKERY = Path(bakery.__file__)
ORDER = {"bread": "rye bread", "pieces": 2, "day": "2030-01-05"}


def test_a_tool_is_a_function_like_any_other():
    assert bakery.price(bakery.Bread.ROLL, 10) == "10 roll: 4.50 euros."


def test_an_order_is_written_down_once_for_a_key():
    book = bakery.Book()
    first = book.take(bakery.Bread.RYE, 1, date(2030, 1, 5), "k")
    assert book.take(bakery.Bread.RYE, 1, date(2030, 1, 5), "k") is first
    with pytest.raises(ToolError, match="There is no order 7"):
        book.drop(7)


def test_the_model_is_told_of_each_kind_of_bread():
    with ExitStack() as cleanup, Toolbox(bakery.make_tools(cleanup)) as toolbox:
        (take_order, _) = toolbox.specs
        bread = take_order.parameters["properties"]["bread"]
        assert bread["enum"] == ["rye bread", "baguette", "roll"]


def test_an_order_is_taken_in_a_call(trunkline):
    conversation = trunkline.tool("take_order", ORDER, tools=BAKERY)
    order = conversation.tool_calls[-1].json()
    assert (order["number"], order["cents"]) == (101, 840)
    assert conversation.complete


def test_what_nobody_bakes_cannot_be_ordered(trunkline):
    conversation = trunkline.tool("take_order", {**ORDER, "bread": "cake"}, tools=BAKERY)
    use = conversation.tool_calls[-1]
    assert use.status == "failed"
    assert "baguette" in use.output


def test_an_order_is_cancelled_only_after_a_yes(trunkline):
    asked = trunkline.tool("cancel_order", {"number": 101}, tools=BAKERY)
    assert "is cancelled" not in asked.tool_calls[-1].output
    agreed = trunkline.tool(
        "cancel_order", {"number": 101}, tools=BAKERY, says=["Cancel order 101.", "Yes, please."]
    )
    assert agreed.tool_calls[-1].output == "There is no order 101."


def test_the_handbook_is_searched_as_the_settings_say(trunkline):
    config = BAKERY.with_name("trunkline.toml")
    conversation = trunkline.tool("search_knowledge", {"question": "open Saturday"}, config=config)
    (found, *_) = conversation.tool_calls[-1].json()["passages"]
    assert found["source"] == "opening.md, The shop > Opening hours, line 5"
