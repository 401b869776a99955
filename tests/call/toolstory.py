"""A story in which the model calls tools, and what it takes to tell it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import Plan, ToolPolicy, ToolSpec
from tests.call.story import Story

BARE: dict[str, Any] = {"type": "object", "properties": {}}


def spec(name: str = "look_up", **policy: Any) -> ToolSpec:
    return ToolSpec(name, f"Does {name}.", BARE, **policy)


def story(*tools: ToolSpec, **policy: Any) -> Story:
    tools = tools or (spec("look_up"), spec("ship"))
    told = Story(Plan(tools=tools, tooling=replace(ToolPolicy(), **policy)))
    told.says(600)  # what the caller wants; an answer is asked for
    return told


def call(call_id: str = "c1", name: str = "look_up", arguments: str = "{}") -> on.ToolCall:
    return on.ToolCall(call_id, name, arguments)


def calls(told: Story, *made: on.ToolCall, response: str = "resp_1", **ended: Any) -> None:
    """The model answers with function calls alone."""
    told.begins(response)
    told.new()
    told.ends(response, calls=made, **ended)


def finished(told: Story, call_id: str = "c1", output: str = "found", **how: Any) -> None:
    told.feed(on.ToolFinished(call_id, output, **how))


def outputs(told: Story) -> dict[str, str]:
    every = told.all(do.SendToolOutput)
    assert len({one.call_id for one in every}) == len(every), "a call was answered twice"
    return {one.call_id: one.output for one in every}


def fillers(told: Story) -> list[do.Respond]:
    return [one for one in told.all(do.Respond) if not one.may_call]
