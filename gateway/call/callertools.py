"""Caller's tools: the functions that the caller answers itself, beside those of the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gateway.call.effects import SendToolOutput, ShowTool
from gateway.call.events import ResponseEnded, ToolAnswered, ToolCall
from gateway.call.plan import Plan


class CallerTools:
    """The calls that the caller has not answered yet."""

    def __init__(self) -> None:
        self._owed: dict[str, ToolCall] = {}
        self._shared = False  # the gateway has functions to run in the same answer
        self._awaited = False  # the caller has not asked on since

    def divide(
        self, ended: ResponseEnded, plan: Plan, asked: tuple[str, ...]
    ) -> tuple[ResponseEnded, tuple[ToolCall, ...]]:
        """The answer with what the gateway is to run, and what the caller is; `asked`: by name."""
        names = {*(tool.name for tool in plan.caller_tools), *asked}
        if ended.status != "completed" or not names:
            return ended, ()
        theirs = tuple(call for call in ended.calls if call.name in names and not call.refusal)
        ours = tuple(call for call in ended.calls if call not in theirs)
        self._shared = self._awaited = bool(theirs and ours)
        return replace(ended, calls=ours), theirs

    def owe(self, calls: tuple[ToolCall, ...]) -> Iterator[ShowTool]:
        """The caller is to answer these."""
        for call in calls:
            self._owed[call.call_id] = call
            yield ShowTool(call.call_id, call.name, call.arguments, "running")

    def answered(self, event: ToolAnswered) -> Iterator[ShowTool | SendToolOutput]:
        """It has; or it tells of a call from before this one."""
        call = self._owed.pop(event.call_id, None)
        if call is not None:
            yield ShowTool(call.call_id, call.name, call.arguments, "done", event.output)
        yield SendToolOutput(event.call_id, event.output, event.item_id)

    def abandon(self) -> Iterator[ShowTool]:
        """Nobody waits any more."""
        for call in self._owed.values():
            yield ShowTool(call.call_id, call.name, call.arguments, "cancelled")
        self._owed.clear()

    def asks_on(self) -> None:
        """The caller asks for the next answer, or speaks."""
        self._awaited = False

    def must_wait(self, *, running: bool, asked: bool) -> bool:
        """Whether the next answer has to wait: both sides answer first, then the caller asks."""
        return (self._awaited and not asked) or (self._shared and running)
