"""A call that asks all its parts after each event, whether it may concern them or not."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.call import effects as do
from gateway.call.digits import told
from gateway.call.effects import Effect
from gateway.call.events import Event
from gateway.call.flow import Flow, Left
from gateway.call.machine import Call
from gateway.call.plan import Plan


class Broken(Flow):
    """The assistant's sound changes something, always."""

    def left(self, event: Event, orders: list[Effect], now: int) -> Left:
        return Left.ALL


class Everybody(Call):
    """Does the same as any other call, more slowly."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._flow.__class__ = Broken

    def _settle(self) -> Iterator[Effect]:
        now = self._now
        yield from self._guard.settle(now)
        yield from self._signs(self._hearing.tick(now))
        if pressed := self._digits.take(now):
            yield from self._caller_wrote(told(pressed), f"[pressed {pressed}]")
        yield from self._upstream.settle(now)
        yield from self._barge_in() if self._spending.cuts_off else ()
        yield from self._spending.settle(now)
        yield from self._voice.settle(now)
        yield from self._asking.overdue(now)
        yield from self._tools.settle(free=self._floor.free(now), now=now)
        yield from self._ask()
        match self._quiet.judge(calm=self._calm(now), now=now):
            case "end":
                yield from self._finish(self._quiet.reason)
            case "transfer":
                yield do.Transfer(self._quiet.take_target())
            case "prompt":
                self._responses.want(self.plan.idle.prompt)
                yield from self._ask()
        if (state := self._floor.state(now)) != self._floor.shown:
            yield self._floor.show(state)

    def _ask(self) -> Iterator[Effect]:
        yield from self._spending.reserve(hears=self._hearing.open)
        if not (self._hearing.open or self._spending.waits):
            yield from self._asking.ask(self._now, may=self._spending.may_ask)

    def _calm(self, now: int) -> bool:
        there = self._joined or self._outgoing.lost
        return there and self._floor.state(now) == "listening"
