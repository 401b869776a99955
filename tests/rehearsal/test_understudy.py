"""A tool within a whole call, without any model: quick, and with the arguments of the test."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from tools import ToolContext, ToolError, tool

done: list[str] = []


@tool(confirm=True)
def cancel_order(number: str) -> str:
    """Cancel an order."""
    done.append(number)
    return f"Order {number} is cancelled."


@tool
async def slow(context: ToolContext) -> str:
    """Takes half a minute."""
    context.progress("halfway")
    await asyncio.sleep(30)
    return "at last"


@tool
def price(sku: Annotated[str, "The article."]) -> dict[str, int]:
    """Say what an article costs."""
    if sku == "none":
        raise ToolError("There is no such article.")
    return {"cents": 1999}


def test_a_tool_runs_in_a_call_and_its_answer_is_read_as_json(trunkline):
    conversation = trunkline.tool("price", {"sku": "bell"}, tools=price)
    (use,) = conversation.tool_calls
    assert (use.status, use.json()) == ("done", {"cents": 1999})
    assert use.arguments == {"sku": "bell"}
    assert conversation.complete
    assert conversation.heard.seconds > 0.1


def test_failures_and_wrong_arguments_are_seen_as_the_model_sees_them(trunkline):
    (failed,) = trunkline.tool("price", {"sku": "none"}, tools=price).tool_calls
    assert (failed.status, failed.output) == ("failed", "There is no such article.")
    wrong = trunkline.tool("price", '{"sku": ', tools=price).tool_calls[-1]
    assert "Not valid JSON" in wrong.output
    unknown = trunkline.tool("prise", {}, tools=price).tool_calls[-1]
    assert "Did you mean price?" in unknown.output


def test_a_tool_that_needs_consent_runs_after_a_yes_and_not_before(trunkline):
    done.clear()
    asked = trunkline.tool("cancel_order", {"number": "7"}, tools=cancel_order, says="Cancel it.")
    assert done == []
    assert asked.tool_calls[-1].status != "done"
    agreed = trunkline.tool(
        "cancel_order", {"number": "7"}, tools=cancel_order, says=["Cancel it.", "Yes, please."]
    )
    assert done == ["7"]
    assert agreed.tool_calls[-1].output == "Order 7 is cancelled."


def test_nobody_waits_for_a_slow_tool(trunkline):
    began = time.monotonic()
    conversation = trunkline.tool("slow", tools=slow)
    assert time.monotonic() - began < 15
    assert conversation.seconds > 15
    assert conversation.tool_calls[-1].output.startswith("The tool gave no answer within 20")
