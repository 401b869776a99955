"""Answers: what a caller that follows along sees of them: one for each that was asked for.

The model may need several where it calls the gateway's functions in between, or where one fails
and is asked for again. To the caller all of that is one answer, which has not ended yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

from gateway.call.effects import Respond, ShowRefusal, ShowResponse
from gateway.call.events import ResponseEnded, ResponseStatus, ToolCall
from gateway.call.usage import NOTHING_USED, Usage

NOT_BEGUN = "The answer was not begun: the caller spoke first, or it was cancelled."
NOT_PAID = "The answer is not made: the budget for it is spent, and the call ends."
ONCE = frozenset({"tool_choice", "input"})  # options that hold until functions have answered


class Answers:
    """The answer that is shown, if there is one."""

    def __init__(self) -> None:
        self._asked = Respond()  # the request that is under way, or was the last
        self._pending = False  # it has not begun, and has not been refused
        self._told = ""  # the request whose answer was shown last
        self._shown = ""  # the name under which the caller knows the answer
        self._current = ""  # the model's name for what it makes of it now
        self._usage = NOTHING_USED
        self._cut = ""  # why it is being stopped
        self.waits = False  # for functions, or for another try

    def asked(self, respond: Respond) -> None:
        """The model is asked for an answer."""
        self._asked, self._pending = respond, True

    @property
    def under_way(self) -> bool:
        """Whether the caller sees an answer that has not ended, or has asked for one."""
        return bool(self._shown) or (self._pending and bool(self._asked.request))

    def started(self, response_id: str, respond: Respond) -> Iterator[ShowResponse]:
        """The model begins; by itself, or because it was asked."""
        if not self.waits:
            self._asked = respond
            if self._shown:  # it never ended, and never will
                yield from self._end("cancelled", self._cut)
        self._current, self._pending = response_id, False
        if self.waits and self._shown:
            self.waits = False
            return
        self._shown, self._usage, self._cut, self.waits = response_id, NOTHING_USED, "", False
        request = self._asked.request if self._asked.request != self._told else ""
        self._told = request or self._told
        yield ShowResponse(response_id, "in_progress", request=request)

    def ended(
        self, event: ResponseEnded, *, goes_on: bool, calls: tuple[ToolCall, ...]
    ) -> Iterator[ShowResponse]:
        """The model is done; with the whole answer unless it goes on."""
        if event.response_id != self._current or not self._shown:
            return
        self._current = ""
        before = self._usage
        self._usage = event.usage if before is NOTHING_USED else _sum(before, event.usage)
        if goes_on and not self._cut:
            self.waits = True
        else:
            cut = self._cut if event.status == "cancelled" else ""
            yield from self._end(event.status, cut or event.reason, calls)

    def interrupted(self, reason: str) -> Iterator[ShowResponse]:
        """The answer is to stop; the model says when it has, if it is at work."""
        if self.waits:
            yield from self._end("cancelled", reason)
        elif self._shown:
            self._cut = reason

    def broken(self, wanted: Respond, *, goes_on: bool) -> Iterator[ShowResponse | ShowRefusal]:
        """The session is gone in the middle of it; `goes_on`: another is to be asked for the rest.

        So it is where the answer waits for functions, unless it was to stop.
        """
        self._current = ""
        if self._cut or (self._shown and not (goes_on or self.waits)):
            yield from self._end("cancelled", self._cut)
        self.waits = bool(self._shown)
        if not self._shown and wanted.request != self._asked.request:
            yield from self.dropped(self._asked)

    def unpaid(self, respond: Respond) -> Iterator[ShowResponse | ShowRefusal]:
        """There is no money for that; who asked for it is told, in the words of the protocol."""
        if self.waits:
            yield from self._end("failed", NOT_PAID)
        yield from self.dropped(respond, "insufficient_quota", NOT_PAID)

    def dropped(
        self, respond: Respond, code: str = "response_not_begun", why: str = NOT_BEGUN
    ) -> Iterator[ShowRefusal]:
        """That will not be asked, or not be answered; who asked for it is told, once."""
        if respond.request and respond.request != self._told:
            yield ShowRefusal(respond.request, code, why)
        if respond is self._asked:
            self._asked, self._pending = Respond(), False

    def failed(self, code: str, message: str) -> Iterator[ShowResponse | ShowRefusal]:
        """No answer comes, or not the rest of it."""
        if self._shown:
            yield from self._end("failed", message)
        elif self._pending and self._asked.request:
            yield ShowRefusal(self._asked.request, code, message)
        self._asked, self._pending = Respond(), False

    @property
    def tools(self) -> tuple[str, ...]:
        """The functions that the caller named for this answer alone."""
        return tuple(tool["name"] for tool in self._asked.options.get("tools", ()))

    def carried(self, respond: Respond) -> Respond:
        """What is asked next, with what still holds where it is the rest of an answer."""
        if not self.waits or respond.request:
            return respond
        options = {key: value for key, value in self._asked.options.items() if key not in ONCE}
        return replace(respond, options=options, request=self._asked.request)

    def _end(
        self, status: ResponseStatus, reason: str, calls: tuple[ToolCall, ...] = ()
    ) -> Iterator[ShowResponse]:
        shown, self._shown, self.waits, self._cut = self._shown, "", False, ""
        yield ShowResponse(shown, status, reason, calls, self._usage, self._asked.request)


def _sum(one: Usage, other: Usage) -> Usage:
    names = (field.name for field in fields(Usage))
    return Usage(**{name: getattr(one, name) + getattr(other, name) for name in names})
