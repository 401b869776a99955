"""Stillness: whether the caller's sound changes anything, so that the rest is to be looked at."""

from __future__ import annotations

from gateway.call.alarm import Alarm
from gateway.call.effects import Effect, SendAudio
from gateway.call.events import Event
from gateway.call.flow import SOUND
from gateway.call.hearing import Hearing
from gateway.call.outgoing import Outgoing
from gateway.call.quiet import Quiet
from gateway.call.toolcalls import ToolCalls

SENT = frozenset({SendAudio})


class Stillness:
    """Of fifty frames a second most are but sent on, or kept back."""

    def __init__(
        self, hearing: Hearing, outgoing: Outgoing, tools: ToolCalls, quiet: Quiet, alarm: Alarm
    ) -> None:
        self._turns = hearing.turns
        self._outgoing = outgoing
        self._tools = tools
        self._quiet = quiet
        self._alarm = alarm
        self._was_open = False  # the gate

    @property
    def lull(self) -> int:
        """So many frames of silence, told of at once, change no more than one by one."""
        return self._turns.lull if self._tools.idle and not self._quiet.ends else 1

    def breaks(self, event: Event, now: int) -> bool:
        """Whether sound before that event has to be told of before it.

        What is heard and said of the assistant goes its own way beside a caller who is silent.
        """
        return self._turns.open or type(event) not in SOUND or self._alarm.may_wake(now)

    def flow(self, *, voiced: bool) -> int:
        """So many frames, told of at once, are sent on and change no more than one by one.

        Where it is more than one, the model may hear each before the call is told of it.
        """
        steady = self._outgoing.open and self._turns.open is self._was_open
        return self._turns.flow(voiced=voiced) if steady and self._tools.idle else 1

    def lasts(self, orders: list[Effect], now: int) -> bool:
        """Whether there is nothing to settle after sound on which these orders were given."""
        if not self._tools.idle:
            return False
        was_open, self._was_open = self._was_open, self._turns.open
        if was_open != self._was_open or self._alarm.rings(now):
            return False
        return SENT.issuperset(map(type, orders))
