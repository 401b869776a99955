"""Flow: whether the assistant's sound but goes on as it did, so that nothing else has changed.

While it speaks, sound comes, is played, and is reported as heard, many times a second. As long as
nobody else has the floor by that, and nothing has come due, there is nothing to settle but what
may be heard now.
"""

from __future__ import annotations

from gateway.call.alarm import Alarm
from gateway.call.effects import Effect, ShowWords
from gateway.call.events import AssistantAudio, AssistantWords, CallerPlayed, Event, Tick
from gateway.call.floor import Floor, is_busy
from gateway.call.guard.guard import Guard
from gateway.call.hearing import Hearing
from gateway.call.spending import Spending
from gateway.call.toolcalls import ToolCalls
from gateway.call.upstream import Upstream

SOUND = frozenset({AssistantAudio, AssistantWords, CallerPlayed, Tick})


class Flow:
    """Of one call."""

    def __init__(
        self,
        hearing: Hearing,
        tools: ToolCalls,
        spending: Spending,
        upstream: Upstream,
        guard: Guard,
        alarm: Alarm,
        floor: Floor,
    ) -> None:
        self._turns = hearing.turns
        self._tools = tools
        self._spending = spending
        self._upstream = upstream
        self._guard = guard
        self._alarm = alarm
        self._floor = floor
        self._expects = upstream.expects

    def goes_on(self, event: Event, orders: list[Effect], now: int) -> bool:
        """Whether that event, of which these orders came, has changed nothing but the sound."""
        before, self._expects = self._expects, self._upstream.expects
        if type(event) not in SOUND or before != self._expects:
            return False
        # What is counted or judged while it is said may stop it at any moment.
        watched = self._spending.counts or self._guard.judges or not self._upstream.steady
        if watched or not self._tools.idle or self._alarm.wakes(now):
            return False
        stalled = self._turns.deadline
        if stalled is not None and stalled <= now:
            return False
        if (state := self._floor.state(now)) != self._floor.shown:
            return False
        if orders and any(type(order) is not ShowWords for order in orders):
            return False
        self._upstream.sounds(busy=is_busy(state), now=now)
        return True
