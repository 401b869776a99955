"""Tool calls: each is answered exactly once, and one answer of the model follows them all."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.call.effects import (
    CancelTool,
    Effect,
    RunTool,
    SendToolOutput,
    ShowTool,
    ToolStatus,
)
from gateway.call.events import ResponseEnded, ToolCall, ToolFinished
from gateway.call.outgoing import Outgoing

NOT_RUN = '{"error": "cancelled: the answer that asked for it was interrupted"}'


class ToolCalls:
    """The function calls that wait for their answer."""

    def __init__(self) -> None:
        self._running: dict[str, ToolCall] = {}
        self._seen: set[str] = set()

    @property
    def running(self) -> bool:
        """Whether a tool is at work."""
        return bool(self._running)

    def take(self, ended: ResponseEnded, outgoing: Outgoing) -> Iterator[Effect]:
        """Start the calls of a complete response; answer those of a cut one unrun."""
        for call in ended.calls:
            if call.call_id in self._seen:
                continue
            self._seen.add(call.call_id)
            if ended.status == "completed":
                self._running[call.call_id] = call
                yield ShowTool(call.call_id, call.name, call.arguments, "running")
                yield RunTool(call.call_id, call.name, call.arguments)
            else:
                yield ShowTool(call.call_id, call.name, call.arguments, "cancelled")
                yield from outgoing.tell(SendToolOutput(call.call_id, NOT_RUN))

    def finish(self, event: ToolFinished, outgoing: Outgoing) -> Iterator[Effect]:
        """Pass on the answer of a tool; a second one for the same call is nothing."""
        call = self._running.pop(event.call_id, None)
        if call is None:
            return
        status: ToolStatus = "failed" if event.failed else "done"
        yield ShowTool(call.call_id, call.name, call.arguments, status, event.output)
        yield from outgoing.tell(SendToolOutput(call.call_id, event.output))

    def abandon(self) -> Iterator[CancelTool | ShowTool]:
        """Nobody waits for these answers any more."""
        for call in self._running.values():
            yield CancelTool(call.call_id)
            yield ShowTool(call.call_id, call.name, call.arguments, "cancelled")
        self._running.clear()
