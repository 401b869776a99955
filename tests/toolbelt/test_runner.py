"""The tools of one call: what they know of it, what they may do to it, and how they begin early."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.events import Event
from gateway.call.plan import Plan, ToolSpec
from gateway.toolbelt.runner import ToolRunner, specs
from tools import AnyTool, Toolbox, ToolContext, tool

pytestmark = pytest.mark.virtual_clock
PLAN = Plan(call_id="call_7", metadata={"shop": "Elm Street"})


class Line:
    """A runner in a call of its own, and all that it fed."""

    def __init__(self, *tools: AnyTool, plan: Plan = PLAN) -> None:
        self.toolbox = Toolbox(tools)
        self.runner = ToolRunner(self.toolbox, plan)
        self.fed: list[Event] = []
        self.runner.begin(self.fed.append)
        self.runner.see(on.CallerJoined("+49301234", metadata={"campaign": "autumn"}))

    async def run(
        self, name: str, arguments: str = "{}", call_id: str = "c1", consent: str = ""
    ) -> on.ToolFinished:
        return await self.runner.run(do.RunTool(call_id, name, arguments, consent))

    def writes(self, text: str, name: str = "look_up") -> None:
        self.runner.prefetch(do.PrefetchTool("c1", name, text))


# ---------------------------------------------------------------- what a tool knows and does


async def test_a_tool_knows_the_call_the_caller_the_consent_and_a_key_of_its_own() -> None:
    @tool
    async def tell(context: ToolContext) -> list[str]:
        """Tell."""
        known = context.metadata
        who = [context.call_id, context.caller, known["shop"], known["campaign"]]
        return [*who, context.key, context.consent]

    finished = await Line(tell).run("tell", consent="Yes, do.")
    assert finished == on.ToolFinished(
        "c1", '["call_7","+49301234","Elm Street","autumn","call_7:c1","Yes, do."]'
    )


async def test_what_a_tool_does_to_the_call_is_fed_to_it_while_the_tool_runs_and_not_after() -> (
    None
):
    kept: list[ToolContext] = []

    @tool
    async def act(context: ToolContext) -> None:
        """Act."""
        kept.append(context)
        context.say("I have found it.")
        context.progress("Two of three are done", share=0.667)
        context.transfer("sales")
        context.hang_up("done")

    line = Line(act)
    await line.run("act")
    assert line.fed == [
        on.ToolSaid("c1", "I have found it."),
        on.ToolSaid("c1", "Two of three are done (67 %)", progress=True),
        on.TransferOrdered("sales"),
        on.HangUpOrdered("done"),
    ]
    kept[0].say("And another thing.")
    assert len(line.fed) == 4


async def test_a_tool_looks_at_what_the_caller_has_shown_by_then() -> None:
    @tool
    async def look(context: ToolContext) -> list[str]:
        """Look."""
        return [one.media_type for one in context.images]

    line = Line(look)
    assert (await line.run("look", call_id="c1")).output == "[]"
    line.runner.see(on.CallerShowed("image/png", b"pixels"))
    assert (await line.run("look", call_id="c2")).output == '["image/png"]'


async def test_keys_are_pressed_as_their_tones() -> None:
    @tool
    async def dial(digits: str, context: ToolContext) -> None:
        """Dial."""
        context.send_digits(digits)

    line = Line(dial, plan=replace(PLAN, rate=8000, encoding="pcmu"))
    await line.run("dial", '{"digits": "12#"}')
    (sound,) = line.fed
    assert isinstance(sound, on.SoundOrdered)
    assert len(sound.pcm) == 3 * 1600  # 200 ms each, a byte a sample
    wrong = await line.run("dial", '{"digits": "one"}')
    assert (wrong.failed, wrong.output) == (True, "Give 1 to 64 keys of a telephone: 0-9 * # A-D.")


async def test_wrong_arguments_are_reported_as_the_models_own_fault() -> None:
    @tool
    async def add(a: int) -> int:
        """Add."""
        return a

    finished = await Line(add).run("add", '{"a": "many"}')
    assert (finished.failed, finished.mend) == (True, True)


async def test_a_plan_is_told_what_the_call_has_to_know_of_each_tool() -> None:
    @tool(late="drop", confirm=True)
    async def pay() -> None:
        """Pay."""

    (spec,) = specs(Toolbox([pay]))
    assert spec == ToolSpec("pay", "Pay.", pay.spec.parameters, late="drop", confirm=True)


async def test_a_live_call_is_told_of_tools_that_come_and_go_until_it_is_over() -> None:
    @tool
    async def late() -> None:
        """Late."""

    line = Line()
    line.toolbox.add(late)
    line.toolbox.remove("late")
    line.runner.end()
    line.toolbox.add(late)
    assert line.fed == [
        on.ToolsChanged((ToolSpec("late", "Late.", late.spec.parameters),)),
        on.ToolsChanged(()),
    ]


# ---------------------------------------------------------------- early starts


def early(runs: list[str], **policy: Any) -> AnyTool:
    @tool(prefetch=True, side_effects=False, **policy)
    async def look_up(order: str, loud: bool = False, context: ToolContext | None = None) -> str:
        """Look up."""
        runs.append(order)
        await asyncio.sleep(1)
        return f"order {order}{'!' * loud}"

    return look_up


async def test_a_tool_begins_before_its_arguments_are_complete_and_runs_once() -> None:
    runs: list[str] = []
    line, loop = Line(early(runs)), asyncio.get_running_loop()
    line.writes('{"order": "42')
    await asyncio.sleep(0)
    assert runs == []
    line.writes('{"order": "4217"')
    await asyncio.sleep(0.5)
    assert runs == ["4217"]
    began = loop.time()
    assert (await line.run("look_up", '{"order":"4217"}')).output == "order 4217"
    assert loop.time() - began == pytest.approx(0.5)
    assert runs == ["4217"]


async def test_a_tool_that_began_with_other_arguments_is_stopped_and_begins_anew() -> None:
    runs: list[str] = []
    line = Line(early(runs))
    line.writes('{"order": "4217",')
    await asyncio.sleep(0.5)
    finished = await line.run("look_up", '{"order": "4217", "loud": true}')
    assert finished.output == "order 4217!"
    assert runs == ["4217", "4217"]


async def test_what_an_early_tool_does_to_the_call_waits_until_the_arguments_are_final() -> None:
    @tool(prefetch=True, side_effects=False)
    async def look_up(order: str, context: ToolContext) -> str:
        """Look up."""
        context.say("early")
        await asyncio.sleep(1)
        context.say("late")
        return order

    line = Line(look_up)
    line.writes('{"order": "4217"')
    await asyncio.sleep(0.5)
    assert line.fed == []
    finished = await line.run("look_up", '{"order": "4217"}')
    assert finished.output == "4217"
    assert line.fed == [on.ToolSaid("c1", "early"), on.ToolSaid("c1", "late")]


async def test_an_early_tool_that_comes_to_nothing_is_stopped() -> None:
    stopped = []

    @tool(prefetch=True, side_effects=False)
    async def look_up(order: str) -> None:
        """Look up."""
        try:
            await asyncio.sleep(60)
        finally:
            stopped.append(order)

    line = Line(look_up)
    line.writes('{"order": "4217"')
    await asyncio.sleep(0)
    line.runner.cancel("c1")
    line.writes('{"order": "4217"')
    await asyncio.sleep(0)
    line.runner.end()
    await asyncio.sleep(0.01)
    assert stopped == ["4217", "4217"]


async def test_only_a_tool_that_wants_it_begins_early_and_not_for_ever_anew() -> None:
    runs: list[str] = []

    @tool
    async def pay(order: str) -> None:
        """Pay."""
        runs.append(order)

    line = Line(pay, early(runs))
    line.writes('{"order": "4217"}', "pay")
    line.writes('{"order": "4217"}', "unknown")
    for number in range(10):
        line.writes(f'{{"order": "4217", "n{number}": {number},')
        await asyncio.sleep(0)
    assert len(runs) == 0  # there is no such argument: not even begun
    for number in range(10):
        line.runner.prefetch(do.PrefetchTool("c2", "look_up", f'{{"order": "{number}"'))
        await asyncio.sleep(0)
    assert runs == ["0", "1"]
    line.runner.end()


async def test_no_log_line_holds_what_was_said_to_a_tool_or_by_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "hunter2"

    @tool
    async def look_up(order: str) -> str:
        """Look up."""
        return order

    await Line(look_up).run("look_up", f'{{"order": "{secret}"}}')
    assert caplog.records
    assert not [one for one in caplog.records if secret in str(vars(one))]
