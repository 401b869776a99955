"""Tools that misbehave: the call goes on, the model is told, the operator sees which and why."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tools import Result, Toolbox, ToolContext, ToolDefinitionError, tool
from tools.builtin import TOOLS
from tools.result import surely_longer
from tools.toolbox import ARGUMENTS_LIMIT
from tools.watch import HEED

SECRET = "hunter2-4111111111111111"


@tool
async def pay(card: str, euros: int = 1) -> str:
    """Pay."""
    if euros < 0:
        raise ValueError(f"cannot pay {euros} with {card}")
    return "paid"


@pytest.mark.parametrize(
    "arguments",
    ["", "{", "[]", "null", '"text"', "{'card': 1}", '{"card": {}}', '{"euros": "many"}', "\x00"],
)
async def test_arguments_that_are_no_json_or_of_wrong_types_may_be_mended(arguments: str) -> None:
    result = await Toolbox([pay]).run("pay", arguments)
    assert (result.failed, result.mend) == (True, True)
    assert result.output.startswith("The arguments do not fit.")
    assert len(result.output) < 500


async def test_arguments_that_are_too_large_are_not_even_read() -> None:
    result = await Toolbox([pay]).run("pay", json.dumps({"card": "x" * ARGUMENTS_LIMIT}))
    assert result.output == f"The arguments are too long: {ARGUMENTS_LIMIT + 12} characters, " + (
        f"at most {ARGUMENTS_LIMIT}."
    )


async def test_arguments_nested_without_end_are_refused_and_not_a_crash() -> None:
    result = await Toolbox([pay]).run("pay", '{"card": ' + "[" * 30_000)
    assert (result.failed, result.mend) == (True, True)


async def test_an_unknown_name_may_be_mended() -> None:
    result = await Toolbox([pay]).run("pya", "{}")
    assert result == Result("There is no tool 'pya'. Did you mean pay?", True, mend=True)


def test_a_name_that_shadows_a_built_in_tool_is_refused_and_both_are_named() -> None:
    @tool(name="hang_up")
    async def mine() -> None:
        """Mine."""

    with pytest.raises(ToolDefinitionError) as told:
        Toolbox([*TOOLS, mine])
    assert str(told.value) == (
        "two tools are called hang_up, and one of them is built in (tools.builtin and "
        f"{__name__}); rename one, @tool(name='...')"
    )


def test_the_name_of_a_tool_of_the_gateways_own_is_refused() -> None:
    @tool
    async def cancel_task() -> None:
        """Mine."""

    with pytest.raises(ToolDefinitionError, match="cancel_task is a tool of the gateway's own"):
        Toolbox([cancel_task])


# ---------------------------------------------------------------- results


class Loop:
    """Holds itself."""

    def __init__(self) -> None:
        self.self = self


@dataclass
class Node:
    next: Any = None


def circle() -> dict[str, Any]:
    found: dict[str, Any] = {}
    found["again"] = found
    return found


@pytest.mark.parametrize(
    "value",
    [object(), Loop(), {1, object()}, circle(), b"\xff\xfe", lambda: None, {object(): 1}],
    ids=["object", "Loop", "set", "circle", "bytes", "function", "key"],
)
async def test_what_cannot_be_written_as_json_is_a_failure_with_tool_and_place(
    value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @tool
    async def answer() -> Any:
        """Answer."""
        return value

    result = await Toolbox([answer]).run("answer", "{}")
    assert result.failed
    if result.output == "The tool failed.":
        assert [one.tool for one in caplog.records] == ["answer"]  # type: ignore[attr-defined]
    else:
        assert result.output.startswith("The result is too long")  # a circle has no end


@pytest.mark.parametrize(
    "value",
    ["x" * 10_000_000, ["x" * 1000] * 10_000, {str(n): n for n in range(1_000_000)}],
    ids=["text", "list", "dict"],
)
async def test_ten_megabytes_are_refused_before_they_are_written(value: Any) -> None:
    @tool
    async def answer() -> Any:
        """Answer."""
        return value

    toolbox, began = Toolbox([answer]), time.process_time()
    result = await toolbox.run("answer", "{}")
    assert result.output == (
        "The result is too long: more than 16384 bytes, at most 16384. Ask for less."
    )
    assert time.process_time() - began < 0.05


def test_what_just_fits_is_not_called_too_long() -> None:
    assert not surely_longer(["x"] * 100, 400)
    assert not surely_longer("x" * 100, 101)
    assert surely_longer("x" * 100, 99)


# ---------------------------------------------------------------- printing, blocking, secrets


async def test_what_a_tool_prints_does_not_reach_stdout(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @tool
    async def talk() -> None:
        """Talk."""
        print("from the loop")  # noqa: T201
        await asyncio.sleep(0)
        sys.stdout.write("and again\n")

    @tool
    def shout() -> None:
        """Shout."""
        print("from a thread", flush=True)  # noqa: T201

    toolbox, before = Toolbox([talk, shout]), sys.stdout
    both = asyncio.gather(toolbox.run("talk", "{}"), toolbox.run("shout", "{}"))
    await asyncio.sleep(0)
    print("ours")  # noqa: T201
    await both
    out, err = capsys.readouterr()
    assert out == "ours\n"
    assert sorted(err.splitlines()) == ["and again", "from a thread", "from the loop"]
    assert sys.stdout is before


async def test_a_tool_that_blocks_the_loop_is_named_when_it_comes_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @tool
    async def ponder() -> str:
        """Ponder."""
        await asyncio.sleep(0)
        time.sleep(0.15)  # noqa: ASYNC251
        return "pondered"

    assert await Toolbox([ponder]).run("ponder", "{}") == Result("pondered")
    (record,) = caplog.records
    assert "blocks the event loop" in record.getMessage()
    assert record.tool == "ponder"  # type: ignore[attr-defined]
    assert record.ms >= 150  # type: ignore[attr-defined]


async def test_a_tool_that_never_comes_back_to_the_loop_is_named_with_the_line_where_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @tool
    async def hang() -> None:
        """Hang."""
        until = time.monotonic() + 5
        while not caplog.records and time.monotonic() < until:
            pass  # until it has been seen from outside

    await Toolbox([hang]).run("hang", "{}")
    (record,) = caplog.records
    assert record.tool == "hang"  # type: ignore[attr-defined]
    assert Path(__file__).name in record.where  # type: ignore[attr-defined]


async def test_a_tool_that_only_waits_is_not_said_to_block(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @tool
    async def wait() -> str:
        """Wait."""
        await asyncio.sleep(0.3)
        return "waited"

    @tool
    def sleep() -> str:
        """Sleep."""
        time.sleep(0.3)
        return "slept"

    toolbox = Toolbox([wait, sleep])
    results = await asyncio.gather(toolbox.run("wait", "{}"), toolbox.run("sleep", "{}"))
    assert [one.output for one in results] == ["waited", "slept"]
    assert not caplog.records


@pytest.mark.parametrize(
    "arguments",
    [
        {"card": SECRET},
        {"card": SECRET, "euros": -1},
        {"card": SECRET, "euros": SECRET},
        {"card": {"number": SECRET}},
        {"cart": SECRET},
        {SECRET: 1},
    ],
    ids=range(6),
)
async def test_secrets_in_arguments_reach_no_log(
    arguments: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await Toolbox([pay]).run("pay", json.dumps(arguments), ToolContext(call_id="c1"))
    await Toolbox([pay]).run("pay", json.dumps(arguments)[:-1], ToolContext(call_id="c1"))
    for record in caplog.records:
        assert SECRET not in str(vars(record))


async def test_a_cancelled_tool_in_a_thread_can_see_that_nobody_waits_for_it() -> None:
    seen: list[bool] = []
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    @tool(timeout=0.01)
    def dig(context: ToolContext) -> None:
        """Dig."""
        seen.append(context.cancelled.wait(5))
        loop.call_soon_threadsafe(done.set)

    assert (await Toolbox([dig]).run("dig", "{}")).failed
    await done.wait()
    assert seen == [True]


@pytest.mark.virtual_clock
@pytest.mark.parametrize("hung_up", [False, True])
async def test_a_tool_that_swallows_its_cancellation_holds_up_nobody(
    hung_up: bool, caplog: pytest.LogCaptureFixture
) -> None:
    enough = asyncio.Event()

    @tool(timeout=20)
    async def stubborn() -> str:
        """Try for ever."""
        while not enough.is_set():
            try:
                await enough.wait()
            except:  # noqa: E722
                continue
        return "at last"

    loop = asyncio.get_running_loop()
    toolbox = Toolbox([stubborn])
    began, run = loop.time(), asyncio.create_task(toolbox.run("stubborn", "{}"))
    await asyncio.sleep(0)
    if hung_up:
        run.cancel()
    await asyncio.wait((run,))
    assert loop.time() - began <= (0 if hung_up else 20) + HEED + 0.1
    assert run.cancelled() if hung_up else "no answer within 20 s" in run.result().output
    assert [one.tool for one in caplog.records if "is left" in one.message] == ["stubborn"]  # type: ignore[attr-defined]
    enough.set()


@pytest.mark.virtual_clock
async def test_a_tool_whose_own_timeout_has_passed_goes_on_as_long_as_it_may() -> None:
    @tool(timeout=20)
    async def patient() -> str:
        """Try one way, then another that takes longer."""
        try:
            async with asyncio.timeout(1):
                await asyncio.Event().wait()
        except TimeoutError:
            await asyncio.sleep(3 * HEED)
        return "the other way"

    assert await Toolbox([patient]).run("patient", "{}") == Result("the other way")


async def test_an_async_tool_that_leaves_the_interpreter_leaves_its_call_alone() -> None:
    @tool
    async def leaves() -> None:
        """Leave."""
        await asyncio.sleep(0)
        sys.exit(1)

    assert await Toolbox([leaves]).run("leaves", "{}") == Result("The tool failed.", True)


class PanicError(BaseException):
    """As libraries in Rust raise it."""


async def test_a_panic_is_a_failure_like_any_other() -> None:
    @tool
    def panics() -> None:
        """Panic."""
        raise PanicError

    assert await Toolbox([panics]).run("panics", "{}") == Result("The tool failed.", True)
