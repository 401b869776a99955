"""Asking: an answer from the request to its end, when something else is to be done about it, too.

`responses` says when the model may be asked, `answers` what a caller that follows along sees, and
the two kinds of functions, the gateway's and the caller's, what must be answered before it goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call import faults
from gateway.call.answers import Answers
from gateway.call.callertools import CallerTools
from gateway.call.effects import Effect
from gateway.call.faults import Policy
from gateway.call.inflight import InFlight
from gateway.call.outgoing import Outgoing
from gateway.call.phrases import Phrases
from gateway.call.plan import Plan
from gateway.call.recovery import Recovery
from gateway.call.responses import RETRIES, Responses
from gateway.call.toolcalls import ToolCalls

ACTIVE = (
    "Conversation already has an active response in progress. Wait until the response is finished "
    "before creating a new one."
)
WORTH_WAITING_US = 1_500_000  # for the same assistant, where another could be asked at once
IN_THE_WAY = 3  # refusals for an answer that nobody knows, after which it is stopped

NO_ANSWER = "The model did not answer in time."


class Asking:
    """The answers of one call."""

    def __init__(
        self,
        outgoing: Outgoing,
        responses: Responses,
        tools: ToolCalls,
        recovery: Recovery,
        phrases: Phrases,
    ) -> None:
        self.useless: on.AssistantLost | None = None  # why another session has to be asked
        self._recovery = recovery
        self._clamped = ""  # the item that was cut again last
        self._outgoing = outgoing
        self._responses = responses
        self._tools = tools
        self.phrases = phrases
        self.answers = Answers()
        self.theirs = CallerTools()
        self.inflight = InFlight()

    def ask(self, now: int, *, may: bool = True) -> Iterator[Effect]:
        """Ask for the answer that is wanted, where nothing stands against it; or say it here.

        `may`: whether there is money for one.
        """
        if not may:
            if self._responses.pending and not self._responses.busy:
                yield from self.answers.unpaid(self._responses.forget())
            return
        asked = bool(self._responses.wanted.request)
        wait = self.theirs.must_wait(running=self._tools.running, asked=asked)
        due = self._responses.due(now)
        if wait or due is None or self._outgoing.lost or self.phrases.holds(due, now):
            return
        if (phrase := self.phrases.fitting(due)) is not None:
            self._responses.forget()
            yield from self.phrases.speak(phrase, now)
        elif self._outgoing.open and (wanted := self._responses.ask(now)) is not None:
            respond = self.answers.carried(wanted)
            self.answers.asked(respond)
            yield respond

    def started(self, response_id: str, now: int) -> Iterator[Effect]:
        """The model begins to answer."""
        yield from self.answers.started(response_id, self._responses.started(response_id, now))

    def forget(self) -> Iterator[Effect]:
        """What was to be asked for will not be; who asked for it is told."""
        yield from self.answers.dropped(self._responses.forget())

    def new_turn(self) -> Iterator[Effect]:
        """The caller has said something new: the rest of an earlier answer is not wanted now."""
        if self._responses.goes_on:
            yield from self.answers.interrupted("turn_detected")
            yield from self.forget()

    def ended(self, event: on.ResponseEnded, plan: Plan, now: int) -> Iterator[Effect]:
        """The model has answered: what functions it calls is begun, a failure is tried again."""
        failed = event.status == "failed"
        if event.status == "completed":
            used = event.usage
            self._recovery.answered(used.input_text + used.input_audio + used.input_image)
        self._responses.ended(event.response_id, failed=failed)
        ours, theirs = self.theirs.divide(event, plan, self.answers.tools)
        yield from self.theirs.owe(theirs)
        yield from self._tools.take(ours, now)
        again = failed and self._again(event.code, event.reason, event.response_id, now)
        if failed and not again:
            yield do.ShowNotice("answer_failed", f"The model could not answer: {event.reason}")
        runs = event.status == "completed" and bool(ours.calls) and not theirs
        yield from self.answers.ended(event, goes_on=again or runs, calls=theirs)

    def _again(self, code: str, reason: str, seed: str, now: int) -> bool:
        """Whether a failed answer is wanted again: here a little later, or of another session."""
        policy = faults.of_failure(code)
        if policy is Policy.TELL:
            return False
        wait = faults.pause(self._responses.tries, code, reason, seed)
        elsewhere = wait > WORTH_WAITING_US and self._recovery.others
        if policy is Policy.BACK_OFF and not elsewhere and self._responses.retry(now, wait):
            return True
        if policy is Policy.BACK_OFF and not self._recovery.may_leave:
            return False
        self._responses.again()
        self.useless = on.AssistantLost(reason or "The model fails", code)
        return True

    def refused(self, event: on.AssistantRefused, plan: Plan, now: int) -> Iterator[Effect]:
        """The model's server refused something."""
        if event.request.startswith(do.FROM_CALLER):
            self.inflight.refused(event.request)
            yield do.ShowRefusal(event.request, event.code, event.message)
        policy = faults.of_refusal(event.code, event.request)
        if policy is Policy.CLAMP:
            yield from self._clamp(event, plan)
        unnamed = policy is Policy.BACK_OFF and not event.request
        if not (unnamed or event.request.startswith("response.create")):
            return
        if faults.ends_session(event.code) or not self._responses.refused():
            return  # the end of the session follows, and another is asked the same
        match policy:
            case Policy.LATER:
                yield from self._later(event, now)
            case Policy.BACK_OFF if self._again(event.code, event.message, event.request, now):
                pass
            case _:
                yield do.ShowNotice("answer_refused", f"The model refused: {event.message}")
                yield from self.answers.failed(event.code, event.message)

    def _later(self, event: on.AssistantRefused, now: int) -> Iterator[Effect]:
        """Ask again after the answer that is in the way; one that does not end is stopped."""
        self._responses.later(now)
        if self._responses.active:
            return
        if self._responses.tries == IN_THE_WAY:
            yield from self._outgoing.tell(do.Cancel(faults.in_the_way(event.message)))
        elif self._responses.tries > RETRIES and self._recovery.may_leave:
            self.useless = on.AssistantLost("An answer that nobody knows does not end", event.code)

    def _clamp(self, event: on.AssistantRefused, plan: Plan) -> Iterator[Effect]:
        """An item is shorter than what was heard of it, by the model's count: that counts."""
        there = faults.there_is(event.message)
        if there is not None and event.item_id and event.item_id != self._clamped:
            self._clamped = event.item_id
            heard = plan.samples(there * 1000)
            yield from self._outgoing.tell(do.Truncate(event.item_id, heard))

    def overdue(self, now: int) -> Iterator[Effect]:
        """An answer that should have begun by now will not come."""
        if self._responses.overdue(now):
            yield do.ShowNotice("no_answer", NO_ANSWER)
            yield from self.answers.failed("no_answer", NO_ANSWER)

    def away(self, go_on: str) -> Iterator[Effect]:
        """The session is gone; what it was asked for will be asked of the next."""
        self.useless = None
        self._responses.suspend(go_on)
        yield from self.inflight.away()
        wanted, goes_on = self._responses.wanted, self._responses.pending
        yield from self.answers.broken(wanted, goes_on=goes_on)

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
        yield from self.inflight.lost("assistant_lost", reason)

    def finish(self) -> Iterator[Effect]:
        """The call is over."""
        yield from self._tools.abandon()
        yield from self.theirs.abandon()
