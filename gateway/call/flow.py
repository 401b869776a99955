"""Flow: whether the assistant's sound but goes on as it did, so that nothing else has changed.

While it speaks, sound comes, is played, and is reported as heard, many times a second. As long as
nobody else has the floor by that, and nothing has come due, there is nothing to settle but what
may be heard now.
"""

from __future__ import annotations

from gateway.call.alarm import Alarm
from gateway.call.effects import Effect, ShowWords
from gateway.call.events import AssistantAudio, AssistantWords, CallerPlayed, Event, Tick
from gateway.call.floor import Floor
from gateway.call.guard.guard import Guard
from gateway.call.hearing import Hearing
from gateway.call.spending import Spending
from gateway.call.toolcalls import ToolCalls
from gateway.call.upstream import Upstream

WORDS = frozenset({ShowWords})
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
        self._flows = False  # the last event has changed nothing but the sound

    def goes_on(self, event: Event, orders: list[Effect], now: int) -> bool:
        """Whether that event, of which these orders came, has changed nothing but the sound."""
        before, self._expects = self._expects, self._upstream.expects
        self._flows = (
            type(event) in SOUND
            and before == self._expects
            and (self._flows or self._is_free())  # sound does not change that
            and not (self._alarm.wakes(now) or (self._turns.open and self._turns.stalled(now)))
            and self._floor.state(now) == self._floor.shown
            and WORDS.issuperset(map(type, orders))
        )
        return self._flows

    def _is_free(self) -> bool:
        """Whether nothing that counts, judges or works may stop the sound, or speak of it."""
        watched = self._spending.counts or self._guard.judges
        return self._upstream.steady and self._tools.idle and not watched
