"""What a call came to is drawn from what was said: requests, and answers that came of something."""

from __future__ import annotations

import itertools

from gateway.call.effects import ShowTool, ShowWords
from gateway.call.summary import AGREED, LONGEST, REQUESTS, Summary, summarise

numbers = itertools.count()


def caller(text: str) -> ShowWords:
    return ShowWords(f"c{next(numbers)}", "caller", text, 0, final=True)


def assistant(text: str) -> ShowWords:
    return ShowWords(f"a{next(numbers)}", "assistant", text, 0, final=True)


def tool(status: str = "done") -> ShowTool:
    return ShowTool(f"t{next(numbers)}", "book", "{}", status, "{}")  # type: ignore[arg-type]


def test_what_a_tool_answered_and_what_was_promised_is_kept_and_small_talk_is_not() -> None:
    found = summarise(
        [
            assistant("Hello, this is Ada. How can I help you?"),
            caller("Yes."),
            caller("I would like a table for two on Friday"),
            assistant("One moment, please."),
            tool(),
            assistant("The window is free at seven. Is there anything else?"),
            caller("Please ask the kitchen about nuts."),
            assistant("I will ask them. It is a lovely evening."),
        ]
    )
    assert found.agreed == "The window is free at seven. I will ask them."
    assert found.text == (
        "The caller said: I would like a table for two on Friday. Please ask the kitchen about"
        " nuts. The assistant said: The window is free at seven. I will ask them."
    )


def test_a_tool_that_failed_leaves_nothing_agreed() -> None:
    assert summarise([tool("failed"), assistant("That is strange.")]) == Summary()
    assert summarise([]) == Summary()


def test_a_long_call_comes_to_a_short_summary_of_its_end() -> None:
    lines = []
    for number in range(100):
        lines += [caller(f"This is request number {number}"), tool()]
        lines.append(assistant(f"Order {number} is booked {'x' * 500}."))
    found = summarise(lines)
    assert "request number 99." in found.text
    assert "request number 90" not in found.text
    assert len(found.text) < (REQUESTS + AGREED) * (LONGEST + 2) + 40
    assert found.agreed.startswith("Order 97")
