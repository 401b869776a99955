"""The call: one conversation between a caller and an assistant, as a pure state machine.

An event and the time go in, orders come out. `handle` reacts to the event, then settles what the
passing of time and the new state allow. What takes more than a few lines lives in a part: `hearing`
and its `turns` decide whose turn it is, `voice` and its `playback` what the caller hears and has
heard, `responses` when an answer may be asked for, `toolcalls` what the functions owe, `transcript`
who said what, `outgoing` whether the model can be told, `quiet` what happens when nothing does.

    caller speaks ──► turns ──► SendAudio … Commit ──► responses ──► Respond
                        │                                               │
                 (barge-in: Flush, Cancel, Truncate)            ResponseStarted
                        ▼                                               ▼
    caller hears ◄── playback ◄────────────────────────────────  AssistantAudio
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import assert_never

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.alarm import Alarm
from gateway.call.asking import Asking
from gateway.call.client import Client
from gateway.call.digits import Digits, told
from gateway.call.effects import Effect
from gateway.call.events import Event
from gateway.call.floor import Floor
from gateway.call.flow import Flow, Left
from gateway.call.guard.guard import Guard
from gateway.call.hearing import Hearing
from gateway.call.outgoing import Outgoing
from gateway.call.pace import TOO_FAST
from gateway.call.phrases import Phrases
from gateway.call.plan import Plan
from gateway.call.quiet import TRANSFER_FAILED, Quiet
from gateway.call.recovery import Recovery
from gateway.call.responses import GO_ON, Responses
from gateway.call.router import Router
from gateway.call.spending import Spending
from gateway.call.stillness import Stillness
from gateway.call.toolcalls import ToolCalls
from gateway.call.transcript import Transcript, some
from gateway.call.turns import NOTHING, Sign
from gateway.call.upstream import Upstream
from gateway.call.voice import Voice
from gateway.call.witnesses import Witnesses


class Call:
    """One conversation between a caller and an assistant."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.ended = self._joined = False
        self.sooner = True  # whether by the last event the deadline may have come nearer
        self._now = self._came = 0  # what came may be told of when something later has been
        self._responses = Responses()
        self._transcript = Transcript()
        self._outgoing = Outgoing()
        self._tools = ToolCalls(plan, self._outgoing, self._responses)
        self._voice = Voice(plan, self._outgoing, self._responses, self._transcript)
        self._playback = self._voice.playback
        self._hearing = Hearing(plan, self._outgoing, self._transcript)
        recovery = Recovery(plan.recovery, plan.call_id)
        phrases = Phrases(plan, self._voice)
        self._asking = Asking(self._outgoing, self._responses, self._tools, recovery, phrases)
        spoken = (self._outgoing, self._hearing, self._voice, self._responses)
        self._client = Client(*spoken, self._asking, self._transcript)
        self._digits = Digits()
        self._quiet = Quiet(plan.idle, plan.expiry)
        self._router = Router(plan)
        self._spending = Spending(plan, self._responses, self._quiet, self._voice, self._router)
        self._floor = Floor(self._hearing, self._playback, self._responses, self._tools)
        self._upstream = Upstream(
            *(plan, self._outgoing, self._responses, self._hearing),
            *(self._voice, self._tools, self._asking, self._quiet),
            *(recovery, self._router, self._floor),
        )
        parts = (self._outgoing, self._voice, self._responses, self._asking, self._quiet)
        self._guard = Guard(plan, self._react, *parts, recovery)
        self._witnesses = Witnesses(self._spending, self._tools.consent, self._upstream)
        self._resume: str | None = None  # what to ask if the interruption was none after all
        timed = (self._responses, self._digits, self._quiet, self._tools, self._guard)
        self._alarm = alarm = Alarm(self._hearing.turns, self._playback, self._upstream, *timed)
        self.stillness = Stillness(self._hearing, self._outgoing, self._tools, self._quiet, alarm)
        watched = (self._hearing, self._playback, self._tools, self._spending, self._upstream)
        self._flow = Flow(*watched, self._guard, self._alarm, self._floor)

    def handle(self, event: Event, now: int) -> list[Effect]:
        """Take one event; say what is to be done about it. `now`: microseconds of call time."""
        orders: list[Effect] = []
        if self.ended:
            return orders
        self._came, now = now, max(now, self._now)
        self._now = now
        if type(event) in self._witnesses.kinds:
            self._witnesses.see(event, now)
        if reaction := self._guard.take(event, now) if self._guard.judges else self._react(event):
            self._order(reaction, orders)
        still = self.ended or (type(event) is on.CallerAudio and self.stillness.lasts(orders, now))
        left = Left.NOTHING if still else self._flow.left(event, orders, now)
        self.sooner = False
        if left is not Left.NOTHING:
            self._order(self._voice.settle(now) if left is Left.SOUND else self._settle(), orders)
            self.sooner = self._alarm.set(now, sound_alone=left is Left.SOUND)
        return orders

    def _order(self, step: Iterable[Effect], orders: list[Effect]) -> None:
        """Give the orders of a step; the parts notice each before the next is made."""
        for effect in step:
            orders.append(effect)
            self._witnesses.effect(effect, self._now)
            if type(effect) is do.End:
                self.ended = True
                return

    @property
    def deadline(self) -> int | None:
        """Call time at which it wants a Tick, if nothing happens before; always in the future."""
        return None if self.ended else self._alarm.at(self._now)

    # ------------------------------------------------------------ events

    def _react(self, event: Event) -> Iterable[Effect]:
        if type(event) is on.CallerAudio:
            may = self.plan.turns.interruptible or not self._playback.playing(self._now)
            heard = self._hearing.audio(event, self._came, may_speak=may)
            return self._signs(heard) if heard else NOTHING
        if isinstance(event, on.FromAssistant):
            return NOTHING if self._upstream.deaf(event) else self._from_assistant(event)
        if isinstance(event, on.FromLine):
            return self._from_caller(event)
        if isinstance(event, on.PlanChanged):
            return self._change(event.plan)
        if isinstance(event, on.FromClient):
            return self._signs(self._client.handle(event, self._now))
        return self._from_session(event)

    def _from_caller(self, event: on.FromLine) -> Iterable[Effect]:
        match event:
            case on.CallerPlayed(item_id, samples, generation):
                self._playback.report(item_id, samples, generation, self._now)
            case on.CallerJoined(reports_playback=reports):
                self._joined, self._playback.source = True, "reported" if reports else "paced"
                self._upstream.joined()
            case on.CallerText(text, note):
                return self._caller_wrote(f"{text} {note}".strip(), text)
            case on.CallerDigit(digit):
                self._digits.press(digit, self._now)
                self._hearing.turns.digit()
            case on.CallerLeft(reason):
                return self._finish(reason)
            case on.TransferFailed(target, reason):
                self._quiet.stays()
                self._responses.want(TRANSFER_FAILED.format(target=target, reason=reason))
                return (do.ShowNotice("transfer_failed", f"No transfer to {target}: {reason}"),)
            case on.CallerAudio() | on.CallerShowed():
                pass  # the one is taken above; at the other tools look, and the model is told of it
            case _:
                assert_never(event)
        return NOTHING

    def _from_assistant(self, event: on.FromAssistant) -> Iterable[Effect]:
        match event:
            case on.AssistantAudio():
                return self._voice.audio(event, self._now)
            case on.AssistantWords():
                return self._voice.words(event, self._now)
            case on.ItemEnded(response_id, item_id):
                self._voice.ended(response_id, item_id, self._now)
            case on.ResponseStarted(response_id):
                self._hearing.unanswered.asked()
                return self._asking.started(response_id, self._now)
            case on.ResponseEnded():
                self._playback.end_response(event.response_id)
                if event.status == "completed":
                    self._hearing.unanswered.answered()
                return self._asking.ended(event, self.plan, self._now)
            case on.ToolArguments():
                return self._tools.writes(event)
            case on.SpeechStarted(item_id, written):
                return self._model_heard_start(item_id, written)
            case on.SpeechStopped(item_id, written):
                return self._model_heard_end(item_id, written)
            case on.TurnCommitted(item_id):
                return (self._hearing.committed(item_id),)
            case on.CallerWords():
                return some(self._hearing.words(event))
            case on.AssistantReady():
                return self._upstream.ready(event, self._now)
            case on.AssistantRefused():
                refused = self._upstream.refused(event)
                return chain(refused, self._asking.refused(event, self.plan, self._now))
            case on.AssistantTold(message):
                return (do.PassOn(message),)
            case on.AssistantLost():
                return self._upstream.lost(event, self._now)
            case _:
                assert_never(event)
        return NOTHING

    def _from_session(self, event: on.FromSession) -> Iterable[Effect]:
        match event:
            case on.Tick() | on.Checked() | on.Reserved():
                pass  # what is due is settled after every event
            case on.ToolFinished():
                return self._tools.finish(event, self._now)
            case on.ToolSaid():
                self._tools.said(event)
            case on.ToolsChanged(tools):
                return self._tools.change(tools)
            case on.HangUpOrdered(reason, when_quiet=False):
                return self._finish(reason)
            case on.HangUpOrdered(reason):
                self._quiet.hang_up(reason, self._now)
            case on.TransferOrdered(target):
                self._quiet.transfer(target, self._now)
            case on.SoundOrdered(item_id, pcm):
                self._voice.announce(item_id, pcm)
            case on.LoadReported(percent):
                self._router.loaded(percent)
            case on.AudioRefused():
                return (do.ShowNotice("audio_too_fast", TOO_FAST),)
            case _:
                assert_never(event)
        return NOTHING

    # ------------------------------------------------------------ the caller

    def _signs(self, outcomes: Iterable[Effect | Sign]) -> Iterator[Effect]:
        for outcome in outcomes:
            yield from self._sign(outcome) if isinstance(outcome, Sign) else (outcome,)

    def _sign(self, sign: Sign) -> Iterator[Effect]:
        match sign:
            case Sign.BEGAN:
                self._resume = None
            case Sign.INTERRUPTED:
                self._quiet.caller_spoke()
                if self._upstream.away or self.plan.turns.by_gateway:
                    yield from self._barge_in()
            case Sign.ENDED:
                self._tools.caller_turn()
                yield from self._asking.new_turn()
                self._asking.theirs.asks_on()
                self._voice.due = ("", self._hearing.turns.last_voiced_at)
                if self.plan.turns.create_response:
                    self._responses.want()
                yield self._hearing.savings.show()
            case Sign.DISCARDED:
                yield from some(self._transcript.caller_took_back())
                if self._resume is not None and self.plan.turns.create_response:
                    self._responses.want(self._resume)
            case _:
                assert_never(sign)

    def _caller_wrote(self, text: str, shown: str) -> Iterator[Effect]:
        if self._outgoing.lost or not text.strip():
            return
        self._quiet.caller_spoke()
        self._tools.caller_turn()
        yield from self._barge_in()
        yield self._transcript.caller_wrote(shown, self._now)
        yield from self._outgoing.tell(do.SendText(text))
        yield from self._asking.new_turn()
        self._voice.due = ("", self._now)
        self._responses.want()

    def _barge_in(self) -> Iterator[Effect]:
        """The caller takes the turn: stop, take back what was not heard, and make it unsaid."""
        if self._upstream.away:
            yield from self._voice.hush(self._now)
            return
        yield from self._asking.answers.interrupted("turn_detected")
        if not self._responses.busy and not self._playback.playing(self._now):
            return
        self._resume = GO_ON if self._playback.anything_heard(self._now) else ""
        yield from self._asking.forget()
        yield from self._voice.interrupt(self._now)

    # ------------------------------------------------------------ the assistant

    def _change(self, plan: Plan) -> Iterator[Effect]:
        """The caller wants it otherwise from here on; what the gateway can do stays."""
        self.plan = replace(plan, tools=self.plan.tools)
        yield from self._signs(self._hearing.follow(self.plan))
        self._quiet.follow(plan.idle)
        yield from self._upstream.follow(self.plan)

    def _model_heard_start(self, item_id: str, written: int) -> Iterator[Effect]:
        if (began := self._hearing.model_began(item_id, written, self._now)) is not None:
            yield began
            self._quiet.caller_spoke()
            if self.plan.turns.interruptible and self.plan.turns.interrupt_response:
                yield from self._barge_in()

    def _model_heard_end(self, item_id: str, written: int) -> Iterator[Effect]:
        if (ended := self._hearing.model_ended(written)) is not None:
            self._tools.caller_turn()
            self._voice.due = (item_id, ended)
            yield do.ShowTurn("ended", item_id, self._hearing.savings.heard)
            yield self._hearing.savings.show()

    # ------------------------------------------------------------ time, and the end

    def _finish(self, reason: str) -> Iterator[Effect]:
        yield from self._asking.finish()
        yield from self._voice.finish(self._now)
        if self._outgoing.open:
            yield from some(self._responses.cancel(self._now))
        yield self._hearing.savings.show()
        yield from self._spending.finish()
        yield do.End(reason)

    def _settle(self) -> Iterator[Effect]:
        now = self._now
        yield from self._guard.settle(now)
        yield from self._signs(self._hearing.tick(now))
        if pressed := self._digits.take(now):
            yield from self._caller_wrote(told(pressed), f"[pressed {pressed}]")
        yield from self._barge_in() if self._spending.cuts_off else ()
        yield from self._spending.settle(now)
        yield from self._upstream.settle(now)
        yield from self._voice.settle(now)
        yield from self._asking.overdue(now)
        if not self._tools.idle:
            yield from self._tools.settle(free=self._floor.free(now), now=now)
        yield from self._ask()
        state = self._floor.state(now)
        calm = state == "listening" and (self._joined or self._outgoing.lost)
        match self._quiet.judge(calm=calm, now=now):
            case "end":
                yield from self._finish(self._quiet.reason)
            case "transfer":
                yield do.Transfer(self._quiet.take_target(now))
            case "prompt":
                self._responses.want(self.plan.idle.prompt)
                yield from self._ask()
                state = self._floor.state(now)
        if state != self._floor.shown:
            yield self._floor.show(state)

    def _ask(self) -> Iterator[Effect]:
        yield from self._spending.reserve(hears=self._hearing.open)
        if not (self._hearing.open or self._spending.waits):
            yield from self._asking.ask(self._now, may=self._spending.may_ask)
