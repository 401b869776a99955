"""Budget: what a call costs, from the tokens that the model reports and the speech written down."""

from __future__ import annotations

from collections import deque

from gateway.call.effects import ClearInput, Commit, Effect, SendAudio
from gateway.call.events import CallerWords, Event, SpeechStarted, SpeechStopped, Usage
from gateway.call.plan import Plan
from gateway.call.prices import Prices

MINUTE = 60_000_000  # microseconds
WAITING = 64  # turns whose words have not come


def cost(prices: Prices, usage: Usage) -> int:
    """Nanodollars for a response: cached tokens are part of the input, at a price of their own."""
    kinds = (
        (prices.text, usage.input_text, usage.cached_text, usage.output_text),
        (prices.audio, usage.input_audio, usage.cached_audio, usage.output_audio),
        (prices.image, usage.input_image, usage.cached_image, 0),
    )
    return sum(
        max(read - cached, 0) * rate.input + cached * rate.cached + written * rate.output
        for rate, read, cached, written in kinds
    )


class Dictation:
    """How much of the caller's speech was written down, turn by turn."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._sent = 0  # samples since the last turn
        self._began = 0  # samples, where the model detects turns
        self._turns: deque[int] = deque(maxlen=WAITING)  # samples

    def effect(self, effect: Effect) -> None:
        """What the model is sent."""
        if isinstance(effect, SendAudio):
            self._sent += self._plan.count(effect.pcm)
        elif isinstance(effect, Commit):
            self._turns.append(self._sent)
            self._sent = 0
        elif isinstance(effect, ClearInput):
            self._sent = 0

    def event(self, event: Event) -> int:
        """Microseconds of speech whose words have come with this event."""
        if isinstance(event, SpeechStarted):
            self._began = event.written
        elif isinstance(event, SpeechStopped):
            self._turns.append(max(0, event.written - self._began))
        elif isinstance(event, CallerWords) and event.final and self._turns:
            return self._plan.microseconds(self._turns.popleft())
        return 0

    def cost(self, microseconds: int) -> int:
        """Nanodollars for so much speech."""
        return -(-microseconds * self._plan.prices.transcription // MINUTE)
