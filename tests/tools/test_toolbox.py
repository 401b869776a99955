"""The toolbox runs what the model asks for and never raises."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from tools import Result, Toolbox, ToolContext, ToolDefinitionError, ToolError, tool
from tools.running import THREADS


class Point(BaseModel):
    x: int
    day: date


@dataclass
class Pair:
    left: str
    right: float


def answering(value: Any) -> Toolbox:
    @tool
    def answer() -> Any:
        """Answer."""
        return value

    return Toolbox([answer])


def raising(error: BaseException) -> Toolbox:
    @tool
    async def fail() -> None:
        """Fail."""
        raise error

    return Toolbox([fail])


@pytest.mark.parametrize(
    ("value", "output"),
    [
        ("plain words", "plain words"),
        (None, "done"),
        (7, "7"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        (Point(x=1, day=date(2026, 11, 21)), '{"x":1,"day":"2026-11-21"}'),
        ([Pair("é", float("nan"))], '[{"left":"é","right":null}]'),
        ("\ud800", "?"),
    ],
)
async def test_any_result_that_json_can_hold_is_told(value, output):
    assert await answering(value).run("answer", "") == Result(output)


async def test_a_result_that_json_cannot_hold_is_a_failure():
    assert await answering(object()).run("answer", "{}") == Result("The tool failed.", True)


async def test_a_result_over_the_limit_is_refused_whole():
    result = await answering("é" * 9000).run("answer", "{}")
    assert result == Result(
        "The result is too long: 18000 bytes, at most 16384. Ask for less.", True
    )


@tool
async def add(a: Annotated[int, "First."], b: int = 1) -> int:
    """Add."""
    return a + b


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("", "a is missing."),
        ("{", "Not valid JSON: EOF while parsing"),
        ("[1]", "arguments: "),
        ('{"a": "many"}', "a: input should be a valid integer"),
        ('{"a": 1, "c": 2}', "There is no argument c; there are: a, b."),
        ('"\ud800"', ""),
    ],
)
async def test_wrong_arguments_are_told_so_that_they_can_be_mended(arguments, says):
    result = await Toolbox([add]).run("add", arguments)
    assert result.failed
    assert says in result.output
    assert "pydantic" not in result.output


async def test_an_unknown_tool_is_told_with_the_nearest_name():
    assert await Toolbox([add]).run("ad", "{}") == Result(
        "There is no tool 'ad'. Did you mean add?", True, mend=True
    )
    assert (await Toolbox([add]).run("zzz", "{}")).output.endswith("There are: add.")
    assert (await Toolbox().run("add", "{}")).output == "There are no tools in this call."


async def test_a_tool_error_is_told_in_its_own_words():
    assert await raising(ToolError("There is no order 9.")).run("fail", "{}") == Result(
        "There is no order 9.", True
    )


@pytest.mark.parametrize(
    "error", [ValueError("the caller said hello"), SystemExit(3), asyncio.CancelledError()]
)
async def test_any_other_exception_is_logged_by_type_and_never_by_words(error, caplog):
    with caplog.at_level(logging.WARNING, "tools"):
        result = await raising(error).run("fail", "{}", ToolContext(call_id="c1"))
    assert result == Result("The tool failed.", True)
    (record,) = caplog.records
    assert record.getMessage() == "a tool failed"
    assert (record.tool, record.error, record.call_id) == ("fail", type(error).__name__, "c1")
    assert record.exc_info is None
    assert "hello" not in str(vars(record))


async def test_an_async_tool_that_does_not_answer_is_stopped_in_time():
    stopped = []

    @tool(timeout=0.01)
    async def wait() -> None:
        """Wait."""
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(True)

    result = await Toolbox([wait]).run("wait", "{}")
    assert result == Result("The tool gave no answer within 0.01 seconds.", True)
    assert stopped == [True]


async def test_a_timeout_inside_a_tool_is_its_own_failure():
    assert await raising(TimeoutError()).run("fail", "{}") == Result("The tool failed.", True)


async def test_a_sync_tool_that_does_not_return_is_left_behind_and_can_do_nothing_more():
    go, gone = threading.Event(), threading.Event()
    reasons: list[str] = []

    @tool(timeout=0.01)
    def block(context: ToolContext) -> None:
        """Block."""
        go.wait()
        context.hang_up("late")
        gone.set()

    result = await Toolbox([block]).run("block", "{}", ToolContext(hang_up=reasons.append))
    assert result.failed
    go.set()
    await asyncio.to_thread(gone.wait)
    await asyncio.sleep(0)
    assert reasons == []


async def test_tools_beyond_the_number_of_threads_are_refused_and_later_ones_run():
    go = threading.Event()

    @tool
    def block() -> str:
        """Block."""
        go.wait()
        return "free"

    toolbox = Toolbox([block])
    running = [asyncio.create_task(toolbox.run("block", "{}")) for _ in range(THREADS)]
    await asyncio.sleep(0)
    assert (await toolbox.run("block", "{}")).output.startswith("Too many tools are running")
    go.set()
    assert {(await task).output for task in running} == {"free"}
    assert await toolbox.run("block", "{}") == Result("free")


async def test_a_cancelled_run_is_cancelled_and_not_an_answer():
    started = asyncio.Event()

    @tool
    async def wait() -> None:
        """Wait."""
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(Toolbox([wait]).run("wait", "{}"))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_sync_tool_knows_the_call_and_hangs_up_on_the_loop_before_it_answers():
    ordered: list[tuple[str, int]] = []

    @tool
    def leave(context: ToolContext) -> str:
        """Leave."""
        assert threading.current_thread().name == "tool"
        context.hang_up("done here")
        return f"{context.call_id} {context.caller} {context.metadata['shop']}"

    context = ToolContext(
        "c1", "+4912", {"shop": "7"}, lambda reason: ordered.append((reason, threading.get_ident()))
    )
    assert await Toolbox([leave]).run("leave", "{}", context) == Result("c1 +4912 7")
    assert ordered == [("done here", threading.get_ident())]


def test_two_tools_of_one_name_are_refused_and_the_same_one_twice_is_one():
    assert Toolbox([add, add]).tools == (add,)
    with pytest.raises(ToolDefinitionError, match="two tools are called add"):
        Toolbox([add, tool(add.function)])
    with pytest.raises(ToolDefinitionError, match="decorate it with @tool"):
        Toolbox([add.function])  # type: ignore[list-item]
