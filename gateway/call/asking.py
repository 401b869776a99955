"""Asking: an answer from the request to its end, when something else is to be done about it, too.

`responses` says when the model may be asked, `answers` what a caller that follows along sees, and
the two kinds of functions, the gateway's and the caller's, what must be answered before it goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.answers import Answers
from gateway.call.callertools import CallerTools
from gateway.call.effects import Effect
from gateway.call.outgoing import Outgoing
from gateway.call.plan import Plan
from gateway.call.responses import Responses
from gateway.call.toolcalls import ToolCalls

ACTIVE = (
    "Conversation already has an active response in progress. Wait until the response is finished "
    "before creating a new one."
)
NO_ANSWER = "The model did not answer in time."


class Asking:
    """The answers of one call."""

    def __init__(self, outgoing: Outgoing, responses: Responses, tools: ToolCalls) -> None:
        self._outgoing = outgoing
        self._responses = responses
        self._tools = tools
        self.answers = Answers()
        self.theirs = CallerTools()

    def ask(self, now: int) -> Iterator[Effect]:
        """Ask for the answer that is wanted, where nothing stands against it."""
        asked = bool(self._responses.wanted.request)
        wait = self.theirs.must_wait(running=self._tools.running, asked=asked)
        if wait or not self._outgoing.open:
            return
        if (wanted := self._responses.ask(now)) is not None:
            respond = self.answers.carried(wanted)
            self.answers.asked(respond)
            yield respond

    def started(self, response_id: str) -> Iterator[Effect]:
        """The model begins to answer."""
        yield from self.answers.started(response_id, self._responses.started(response_id))

    def forget(self) -> Iterator[Effect]:
        """What was to be asked for will not be; who asked for it is told."""
        yield from self.answers.dropped(self._responses.forget())

    def ended(self, event: on.ResponseEnded, plan: Plan, now: int) -> Iterator[Effect]:
        """The model has answered: what functions it calls is begun, a failure is tried again."""
        failed = event.status == "failed"
        self._responses.ended(event.response_id, failed=failed)
        ours, theirs = self.theirs.divide(event, plan, self.answers.tools)
        yield from self.theirs.owe(theirs)
        yield from self._tools.take(ours, now)
        again = failed and self._responses.retry(now)
        if failed and not again:
            yield do.ShowNotice("answer_failed", f"The model could not answer: {event.reason}")
        runs = event.status == "completed" and bool(ours.calls) and not theirs
        yield from self.answers.ended(event, goes_on=again or runs, calls=theirs)

    def refused(self, event: on.AssistantRefused) -> Iterator[Effect]:
        """The model's server refused something."""
        if event.request.startswith(do.FROM_CALLER):
            yield do.ShowRefusal(event.request, event.code, event.message)
        if not event.request.startswith("response.create"):
            return
        active = event.code == "conversation_already_has_active_response"
        self._responses.refused(already_active=active)
        if not active:
            yield do.ShowNotice("answer_refused", f"The model refused: {event.message}")
            yield from self.answers.failed(event.code, event.message)

    def overdue(self, now: int) -> Iterator[Effect]:
        """An answer that should have begun by now will not come."""
        if self._responses.overdue(now):
            yield do.ShowNotice("no_answer", NO_ANSWER)
            yield from self.answers.failed("no_answer", NO_ANSWER)

    def away(self, go_on: str) -> Iterator[Effect]:
        """The session is gone; what it was asked for will be asked of the next."""
        self._responses.suspend(go_on)
        yield from self.answers.broken(self._responses.wanted)

    def want(self, options: dict[str, Any], request: str) -> Iterator[Effect]:
        """The caller asks for an answer, one at a time."""
        busy = self._responses.busy or bool(self._responses.wanted.request)
        if busy or self.answers.under_way:
            yield do.ShowRefusal(request, "conversation_already_has_active_response", ACTIVE)
            return
        self.theirs.asks_on()
        self._responses.want_as(do.Respond(options=options, request=request))

    def lost(self, reason: str) -> Iterator[Effect]:
        """The model is gone."""
        self._responses.lost()
        yield from self._tools.abandon()
        yield do.ShowNotice("assistant_lost", reason)
        yield from self.answers.failed("assistant_lost", reason)

    def finish(self) -> Iterator[Effect]:
        """The call is over."""
        yield from self._tools.abandon()
        yield from self.theirs.abandon()
