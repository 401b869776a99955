"""Session: drives one call, the only place where the pure core meets asyncio.

`feed` is synchronous: taps see the event, the core handles it, its effects are queued on the legs
and one timer is armed. No await separates a decision from its effects, so a cancellation cannot
land between them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, assert_never

from audio.vad import VoiceDetector
from gateway.audience import Audience
from gateway.background import RESOLUTION
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import Effect
from gateway.call.events import Event
from gateway.call.machine import Call
from gateway.call.plan import Plan
from gateway.ear import Ear
from gateway.errors import TrunklineError
from gateway.seams import SHOWN, Checks, Feed, Leg, Model, Purse, Tap, Tools

__all__ = ["Feed", "Leg", "Model", "Session", "Tap", "Tools"]

log = logging.getLogger(__name__)

CLOSING_SECONDS = 5.0  # that a leg may take to say the rest, before it is cut off

BORDERS = (on.AssistantReady, on.AssistantLost)  # of a session with a model

Work = Callable[[], Coroutine[Any, Any, Event]]
Redial = Callable[[int], Model]


class Session:
    """One live call: two legs, the tools at work, the taps, and one timer."""

    def __init__(
        self,
        plan: Plan,
        caller: Leg[do.ToCaller],
        assistant: Model,
        tools: Tools,
        detector: VoiceDetector,
        taps: Sequence[Tap] = (),
        redial: Redial | None = None,
        checks: Checks | None = None,
        purse: Purse | None = None,
    ) -> None:
        self.reason = ""
        self._call = Call(plan)
        self._caller = caller
        self._assistants = {0: assistant}  # by epoch: the one in use, and one that is being opened
        self._epoch = 0  # of the one in use
        self._lost: frozenset[int] = frozenset()  # epochs
        self._redial = redial
        self._tools = tools
        self._checks = checks
        self._purse = purse
        self._audience = Audience(taps)
        self._ear = Ear(plan, detector, self._call.stillness, self._told, assistant.hear)
        self._refused = False  # any of the caller's sound
        self._legs: set[asyncio.Task[None]] = set()
        self._cut_off: asyncio.TimerHandle | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0  # the timer; not every loop's own knows
        self._group: asyncio.TaskGroup | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = 0.0
        self._address = ""  # from which the caller came

    @property
    def plan(self) -> Plan:
        """What the call is to be, as it stands."""
        return self._call.plan

    @property
    def caller(self) -> str:
        """Who calls, as the books say it: by name or number, or else by address."""
        return self.plan.caller or self._address

    def attach(self, tap: Tap) -> None:
        """Let somebody watch from here on; to stop, `detach`."""
        self._audience.attach(tap)

    def detach(self, tap: Tap) -> None:
        """Nobody watches any more."""
        self._audience.detach(tap)

    async def run(self) -> str:
        """Carry the call from its first byte to hang-up; returns why it ended."""
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._tools.begin(self.feed)
        if self._purse is not None:
            self._purse.begin(self.feed)
        try:
            async with asyncio.TaskGroup() as self._group:
                self._start_leg(self._caller, self.feed, on.CallerLeft)
                self._start_assistant(0)
        finally:
            self._tools.end()
            if self._purse is not None:
                self._purse.end()
            self._disarm()
            if self._cut_off is not None:
                self._cut_off.cancel()
            self._audience.close()
        return self.reason

    # ------------------------------------------------------------ legs

    def _start_leg(self, leg: Leg[Any], feed: Feed, gone: Callable[[str], Event]) -> None:
        assert self._group is not None
        task = self._group.create_task(self._run_leg(leg, feed, gone))
        self._legs.add(task)
        task.add_done_callback(self._legs.discard)

    async def _run_leg(self, leg: Leg[Any], feed: Feed, gone: Callable[[str], Event]) -> None:
        reason = "the line is closed"
        try:
            await leg.run(feed)
        except Exception as error:  # a fault of a leg is the end of that leg, not of the server
            log.exception("leg failed", extra={"leg": type(leg).__name__})
            reason = f"internal error: {type(error).__name__}"
        feed(gone(reason))

    def _start_assistant(self, epoch: int) -> None:
        feed = partial(self._from_assistant, epoch)
        self._start_leg(self._assistants[epoch], feed, on.AssistantLost)

    def _from_assistant(self, epoch: int, event: Event) -> None:
        """What a session says that is not in use is nothing, but that it is there or gone."""
        if isinstance(event, BORDERS):
            if epoch in self._lost:
                return  # it has said why; that its leg has ended besides is no news
            if isinstance(event, on.AssistantLost):
                self._lost |= {epoch}
                if epoch in self._assistants and not self._call.ended:  # else it was let go
                    why = {"why": event.reason, "code": event.code, "session": epoch}
                    log.warning("a session with the model is lost", extra=why)
            self.feed(replace(event, epoch=epoch))
        elif epoch == self._epoch:
            self.feed(event)

    def _dial(self, order: do.Dial) -> None:
        for epoch in [epoch for epoch in self._assistants if epoch != self._epoch]:
            self._assistants.pop(epoch).close("another was dialled")
        assert self._redial is not None, "a plan with patience needs a way to dial"
        try:
            self._assistants[order.epoch] = self._redial(order.assistant)
        except TrunklineError as error:
            lost = on.AssistantLost(str(error), "not_set_up", order.epoch)
            asyncio.get_running_loop().call_soon(self.feed, lost)
        else:
            self._start_assistant(order.epoch)

    def _use(self, order: do.Use) -> None:
        before, self._epoch = self._epoch, order.epoch
        self._ear.send = self._assistants[order.epoch].hear
        log.info("another session with the model takes over", extra={"session": order.epoch})
        if (leg := self._assistants.pop(before, None)) is not None:
            leg.close("another took over")

    # ------------------------------------------------------------ events in, effects out

    def feed(self, event: Event | bytes) -> None:
        """Take an event from a leg, a tool or an operator; or the caller's sound, as it is."""
        if self._call.ended:
            return
        if isinstance(event, bytes):
            assert self._loop is not None
            if not self._ear.hear(event, self._loop.time()):
                self._refuse()
        elif type(event) is on.CallerAudio:
            self.feed(event.pcm)
        else:
            if type(event) in SHOWN:
                self._tools.see(event)
            if type(event) is on.CallerJoined:
                self._address = event.address
            self._handle(event)

    def _refuse(self) -> None:
        """No ear could follow that; said once."""
        if not self._refused:
            self._refused = True
            log.warning("audio comes faster than it is spoken, and some is dropped")
            self._handle(on.AudioRefused())

    def _handle(self, event: Event) -> None:
        now = self._now()
        if self._ear.untold and self._call.stillness.breaks(event, now):
            self._ear.tell()
        self._take(event, now)

    def _told(self, event: on.CallerAudio, at: float, sent: bool) -> None:
        self._take(event, self._call_time(at), sent)

    def _take(self, event: Event, now: int, sent: bool = False) -> None:
        """`sent`: what the call orders to be sent on this has been sent."""
        self._audience.event(event, now)
        effects = self._call.handle(event, now)
        for effect in effects:
            self._audience.effect(effect, now)
        for effect in effects:
            if not (sent and type(effect) is do.SendAudio):
                self._carry_out(effect)
        if self._call.sooner:
            self._arm(self._call.deadline)

    def _carry_out(self, effect: Effect) -> None:
        if type(effect) is do.SendAudio:  # most are
            self._assistants[self._epoch].hear(effect.pcm)
        elif isinstance(effect, do.ToCaller):
            self._caller.send(effect)
        elif isinstance(effect, do.ToAssistant):
            self._assistants[self._epoch].send(effect)
        elif isinstance(effect, do.RunTool):
            run = partial(self._tools.run, effect)
            self._start(effect.call_id, run, f"tool {effect.name}")
        elif isinstance(effect, do.Check):
            assert self._checks is not None, "rules that ask need somebody to ask"
            self._start(effect.check_id, partial(self._checks.run, effect), "check")
        elif isinstance(effect, do.Guarded):
            log.info("a rule was broken", extra={"rule": effect.rule, "place": effect.place})
        elif isinstance(effect, do.PrefetchTool):
            self._tools.prefetch(effect)
        elif isinstance(effect, do.CancelTool):
            self._tools.cancel(effect.call_id)
            if (task := self._running.get(effect.call_id)) is not None:
                task.cancel()
        elif isinstance(effect, do.Dial):
            self._dial(effect)
        elif isinstance(effect, do.Use):
            self._use(effect)
        elif isinstance(effect, do.Reserve):
            assert self._purse is not None, "a plan with shared budgets needs a purse"
            self._purse.send(effect)
        elif isinstance(effect, do.End):
            self._end(effect.reason)
        else:
            assert_never(effect)

    def _end(self, reason: str) -> None:
        self.reason = reason
        self._disarm()
        for task in self._running.values():
            task.cancel()
        self._caller.close(reason)
        for assistant in self._assistants.values():
            assistant.close(reason)
        assert self._loop is not None
        self._cut_off = self._loop.call_later(CLOSING_SECONDS, self._cut_off_legs)

    def _cut_off_legs(self) -> None:
        for leg in tuple(self._legs):
            if leg.cancel():
                log.warning("a leg did not close in time and was cut off")

    # ------------------------------------------------------------ tools and checks

    def _start(self, name: str, work: Work, about: str) -> None:
        assert self._group is not None
        task = self._group.create_task(self._run(name, work), name=about)
        self._running[name] = task

    async def _run(self, name: str, work: Work) -> None:
        try:
            answer = await work()
        finally:
            self._running.pop(name, None)
        self.feed(answer)

    # ------------------------------------------------------------ time

    def _now(self) -> int:
        assert self._loop is not None
        return self._call_time(self._loop.time())

    def _call_time(self, at: float) -> int:
        return round((at - self._started) * 1_000_000)

    def _arm(self, deadline: int | None, soonest: float = 0.0) -> None:
        """One timer, moved only to ring earlier; when it rings too early it is set anew."""
        if deadline is None:
            self._disarm()
            return
        assert self._loop is not None
        when = max(soonest, self._started + deadline / 1_000_000)
        if self._timer is not None:
            if self._rings_at <= when:
                return
            self._timer.cancel()
        self._timer, self._rings_at = self._loop.call_at(when, self._ring), when

    def _ring(self) -> None:
        self._timer = None
        deadline = self._call.deadline
        if deadline is not None and self._now() >= deadline:
            self._handle(on.Tick())
            if self._timer is None:
                self._arm(self._call.deadline)
        else:
            assert self._loop is not None
            self._arm(deadline, self._loop.time() + RESOLUTION)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
