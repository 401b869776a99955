"""A call that asks all its parts after each event, whether it may concern them or not, and before.

What comes of it before is what the call's deadline has not told of.
"""

from __future__ import annotations

from gateway.call.effects import Effect
from gateway.call.events import CallerAudio, Event, Tick
from gateway.call.flow import Flow, Left
from gateway.call.machine import Call
from gateway.call.plan import Plan

ALONE = frozenset({CallerAudio, Tick})  # before these it is not asked: they come too often


class Broken(Flow):
    """The assistant's sound changes something, always."""

    def left(self, event: Event, orders: list[Effect], now: int) -> Left:
        return Left.ALL


class Everybody(Call):
    """Does the same as any other call, more slowly. It is to be rung when it wants to be."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._flow.__class__ = Broken

    def handle(self, event: Event, now: int) -> list[Effect]:
        if type(event) not in ALONE and (self.deadline is None or now < self.deadline):
            early = super().handle(Tick(), now)
            assert not early, f"the deadline did not tell of {early}"
        return super().handle(event, now)
