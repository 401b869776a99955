"""Flow: whether the assistant's sound but goes on as it did, so that nothing else has changed.

While it speaks, sound comes, is played, and is reported as heard, many times a second. As long as
nobody else has the floor by that, and nothing has come due, there is nothing to settle but what
may be heard now; and not even that where sound comes behind sound that waits, or words to it, or
the caller is in the middle of it.
"""

from __future__ import annotations

from enum import Enum

from gateway.call.alarm import Alarm
from gateway.call.effects import Effect, ShowWords
from gateway.call.events import (
    AssistantAudio,
    AssistantWords,
    CallerPlayed,
    CallerWords,
    Event,
    Tick,
    TurnCommitted,
)
from gateway.call.floor import Floor
from gateway.call.guard.guard import Guard
from gateway.call.hearing import Hearing
from gateway.call.playback import Playback
from gateway.call.spending import Spending
from gateway.call.toolcalls import ToolCalls
from gateway.call.upstream import Upstream

WORDS = frozenset({ShowWords})
SAID = frozenset({AssistantAudio, AssistantWords})
TOLD = SAID | {CallerPlayed}
SOUND = TOLD | {Tick}
NOTED = frozenset({TurnCommitted, CallerWords})
BUSY = frozenset({"hearing", "speaking"})  # states of the floor


class Left(Enum):
    """What an event has left to be settled."""

    NOTHING = "nothing"
    SOUND = "sound"  # what may be heard now, and what has been heard to its end
    ALL = "all"


class Flow:
    """Of one call."""

    def __init__(
        self,
        hearing: Hearing,
        playback: Playback,
        tools: ToolCalls,
        spending: Spending,
        upstream: Upstream,
        guard: Guard,
        alarm: Alarm,
        floor: Floor,
    ) -> None:
        self._turns = hearing.turns
        self._playback = playback
        self._tools = tools
        self._spending = spending
        self._upstream = upstream
        self._guard = guard
        self._alarm = alarm
        self._floor = floor
        self._expects = upstream.expects
        self._flows = False  # the last event has changed nothing but the sound

    def left(self, event: Event, orders: list[Effect], now: int) -> Left:
        """What there is to settle after that event, of which these orders came."""
        kind = type(event)
        if kind in NOTED and self._is_noted(event, now):
            return Left.NOTHING
        if (
            (self._flows and kind in TOLD)
            and (self._playback.steady and now < self._playback.heard_until)
            and self._floor.shown in BUSY
            and not (self._alarm.rings(now) or (self._turns.open and self._turns.stalled(now)))
            and WORDS.issuperset(map(type, orders))
        ):
            if kind in SAID:
                self._alarm.later(now)
            return Left.NOTHING
        self._flows = (
            self._is_as_expected(kind)
            and kind in SOUND
            and (self._flows or self._is_free())  # sound does not change that
            and not (self._alarm.wakes(now) or (self._turns.open and self._turns.stalled(now)))
            and self._floor.state(now) == self._floor.shown
            and WORDS.issuperset(map(type, orders))
        )
        return Left.SOUND if self._flows else Left.ALL

    def _is_noted(self, event: Event, now: int) -> bool:
        """Whether that is written down, and nothing waits for it, or is due."""
        final = isinstance(event, CallerWords) and event.final  # then an answer may wait for them
        due = self._alarm.rings(now) or (self._turns.open and self._turns.stalled(now))
        return not (final or due) and self._is_free() and self._upstream.rests(now)

    def _is_as_expected(self, kind: type) -> bool:
        """Whether the model's answer stands as it did; what is but played does not change that."""
        if self._flows and kind in SOUND and kind not in SAID:
            return True
        before, self._expects = self._expects, self._upstream.expects
        return before == self._expects

    def _is_free(self) -> bool:
        """Whether nothing that counts, judges or works may stop the sound, or speak of it."""
        watched = self._spending.counts or self._guard.judges
        return self._upstream.steady and self._tools.idle and not watched
