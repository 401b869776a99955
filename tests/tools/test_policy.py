"""A tool is run as its policy says: in time, so many at once, again, from memory, or not at all."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from tools import Result, Toolbox, ToolContext, ToolDefinitionError, ToolError, tool
from tools.guards import FAILURES, REST

pytestmark = pytest.mark.virtual_clock


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({"timeout": 0}, "timeout is 0; give more than 0"),
        ({"result_limit": -1}, "result_limit is -1; give more than 0"),
        ({"concurrency": -1}, "concurrency is -1; give 0 or more"),
        ({"cache": 60}, "cache is for a tool that changes nothing: add side_effects=False"),
        ({"prefetch": True}, "prefetch is for a tool that changes nothing"),
        ({"timeout": math.nan}, "timeout is nan; give more than 0"),
        ({"timeout": "5"}, "timeout is '5'; give a number"),
        ({"retries": 1.5, "side_effects": False}, "retries is 1.5; give a whole number"),
        ({"late": "soon"}, "late is 'soon'; give one of speak_when_free, next_turn, drop"),
        ({"tiemout": 5}, "there is no tiemout; there are: name, timeout, "),
        ({"retries": 2}, "retries may do the same thing twice"),
        ({"prefetch": True, "confirm": True, "side_effects": False}, "ahead of the caller's"),
    ],
)
async def test_a_policy_whose_parts_do_not_go_together_is_refused(
    policy: dict[str, Any], says: str
) -> None:
    def look_up() -> None:
        """Look up."""

    with pytest.raises(ToolDefinitionError, match="tool look_up: ") as told:
        tool(**policy)(look_up)
    assert says in str(told.value)


async def test_no_more_run_at_once_than_may_and_the_others_wait_for_their_place() -> None:
    at_once = most = 0

    @tool(concurrency=2)
    async def look_up() -> str:
        """Look up."""
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(1)
        at_once -= 1
        return "found"

    toolbox, began = Toolbox([look_up]), asyncio.get_running_loop().time()
    results = await asyncio.gather(*(toolbox.run("look_up", "{}") for _ in range(6)))
    assert results == [Result("found")] * 6
    assert most == 2
    assert asyncio.get_running_loop().time() - began == pytest.approx(3)


async def test_who_waits_for_a_place_too_long_is_told_so() -> None:
    @tool(concurrency=1, timeout=2)
    async def look_up() -> str:
        """Look up."""
        await asyncio.sleep(1.5)
        return "found"

    toolbox = Toolbox([look_up])
    results = await asyncio.gather(*(toolbox.run("look_up", "{}") for _ in range(2)))
    assert results == [Result("found"), Result("The tool gave no answer within 2 seconds.", True)]


async def test_a_tool_that_may_be_run_again_is_and_each_time_a_little_later() -> None:
    times: list[float] = []

    @tool(retries=2, idempotent=True)
    async def order(context: ToolContext) -> str:
        """Order."""
        times.append(asyncio.get_running_loop().time())
        if len(times) < 3:
            raise OSError("no route")
        return context.key

    assert await Toolbox([order]).run("order", "{}", ToolContext(key="k1")) == Result("k1")
    assert [later - times[0] for later in times] == pytest.approx([0, 0.2, 0.6])


async def test_what_a_tool_says_itself_is_no_reason_to_run_it_again() -> None:
    runs = []

    @tool(retries=3, side_effects=False)
    async def look_up() -> str:
        """Look up."""
        runs.append(1)
        raise ToolError("There is no such order.")

    assert (await Toolbox([look_up]).run("look_up", "{}")).output == "There is no such order."
    assert len(runs) == 1


async def test_a_kept_result_answers_the_same_arguments_until_its_time_is_over() -> None:
    runs: list[int] = []

    @tool(cache=60, side_effects=False)
    async def price(product: str, number: int = 1) -> str:
        """Price."""
        runs.append(number)
        return f"{len(runs)}"

    toolbox = Toolbox([price])
    first = await toolbox.run("price", '{"product": "tea", "number": 2}')
    assert await toolbox.run("price", '{"number":2, "product":"tea"}') == first
    assert await toolbox.run("price", '{"product": "tea"}') != first
    await asyncio.sleep(61)
    assert (await toolbox.run("price", '{"product": "tea", "number": 2}')).output == "3"


async def test_what_a_tool_found_for_one_call_is_not_told_in_another() -> None:
    @tool(cache=60, side_effects=False)
    async def my_orders(context: ToolContext) -> str:
        """My orders."""
        return f"orders of {context.caller}"

    toolbox = Toolbox([my_orders])
    ada = ToolContext(call_id="c1", caller="Ada")
    bob = ToolContext(call_id="c2", caller="Bob")
    assert (await toolbox.run("my_orders", "{}", ada)).output == "orders of Ada"
    assert (await toolbox.run("my_orders", "{}", bob)).output == "orders of Bob"


async def test_a_failure_is_not_kept() -> None:
    answers = iter([True, False])

    @tool(cache=60, side_effects=False)
    async def look_up() -> str:
        """Look up."""
        if next(answers):
            raise OSError
        return "found"

    toolbox = Toolbox([look_up])
    assert (await toolbox.run("look_up", "{}")).failed
    assert await toolbox.run("look_up", "{}") == Result("found")


async def test_a_tool_that_fails_and_fails_is_left_alone_and_tried_again_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs, well = [], False

    @tool
    async def look_up() -> str:
        """Look up."""
        runs.append(1)
        if not well:
            raise OSError
        return "found"

    toolbox = Toolbox([look_up])
    for _ in range(FAILURES):
        assert (await toolbox.run("look_up", "{}")).output == "The tool failed."
    resting = await toolbox.run("look_up", "{}")
    assert resting.output.startswith("The tool look_up does not work at the moment. Tell the ")
    assert len(runs) == FAILURES
    assert [one.getMessage() for one in caplog.records if one.levelname == "ERROR"] == [
        "a tool fails again and again, and is left alone for a while"
    ]
    await asyncio.sleep(REST)
    await asyncio.gather(*(toolbox.run("look_up", "{}") for _ in range(3)))
    assert len(runs) == FAILURES + 1, "while it is tried, nobody else tries it"
    well = True
    await asyncio.sleep(REST)
    assert await toolbox.run("look_up", "{}") == Result("found")
    assert await toolbox.run("look_up", "{}") == Result("found")


async def test_a_long_result_may_be_allowed_and_a_short_one_demanded() -> None:
    @tool(result_limit=10)
    async def short() -> str:
        """Short."""
        return "x" * 11

    @tool(result_limit=100_000)
    async def long() -> str:
        """Long."""
        return "x" * 99_999

    toolbox = Toolbox([short, long])
    assert (await toolbox.run("short", "{}")).output.startswith("The result is too long: ")
    assert len((await toolbox.run("long", "{}")).output) == 99_999


# ---------------------------------------------------------------- tools that come and go


async def test_each_source_puts_the_tools_that_it_has_now_and_who_listens_is_told_once() -> None:
    def named(name: str) -> Any:
        async def run() -> str:
            """Run."""
            return name

        return tool(name=name)(run)

    changes: list[list[str]] = []
    toolbox = Toolbox([named("mine")])
    leave = toolbox.subscribe(lambda: changes.append([spec.name for spec in toolbox.specs]))
    first, second = named("first"), named("second")
    toolbox.put("files", [first])
    toolbox.put("files", [first])  # nothing new
    toolbox.put("files", [second])
    with pytest.raises(ToolDefinitionError, match="two tools are called mine"):
        toolbox.put("mail", [named("third"), named("mine")])
    toolbox.remove("mine")
    leave()
    toolbox.add(named("last"))
    assert changes == [["mine", "first"], ["mine", "second"], ["second"]]
    assert (await toolbox.run("second", "{}")).output == "second"
    assert (await toolbox.run("first", "{}")).failed
