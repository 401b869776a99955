"""A call that asks all its parts after each event, whether it may concern them or not."""

from __future__ import annotations

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
