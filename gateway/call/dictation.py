"""Dictation: how much of the caller's speech was written down, which is billed by the minute."""

from __future__ import annotations

from gateway.call.effects import ClearInput, Commit, Effect, SendAudio
from gateway.call.events import CallerWords, Event, SpeechStarted, SpeechStopped
from gateway.call.plan import Plan

WAITING = 64  # turns whose words have not come


class Dictation:
    """Counts turn by turn."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._sent = 0  # bytes since the last turn
        self._began = 0  # samples, where the model detects turns
        self._turns: list[int] = []  # samples

    def effect(self, effect: Effect) -> None:
        """What the model is sent."""
        if isinstance(effect, SendAudio):
            self._sent += len(effect.pcm)
        elif isinstance(effect, Commit):
            self._ends(self._sent // self._plan.format.width)
            self._sent = 0
        elif isinstance(effect, ClearInput):
            self._sent = 0

    def event(self, event: Event) -> int:
        """Microseconds of speech whose words have come with this event."""
        if isinstance(event, SpeechStarted):
            self._began = event.written
        elif isinstance(event, SpeechStopped):
            self._ends(max(0, event.written - self._began))
        elif isinstance(event, CallerWords) and event.final and self._turns:
            return self._plan.microseconds(self._turns.pop(0))
        return 0

    def _ends(self, samples: int) -> None:
        self._turns.append(samples)
        del self._turns[:-WAITING]
