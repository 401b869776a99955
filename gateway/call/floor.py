"""Floor: whose turn it is, as it follows from what the other parts know."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.call.effects import ShowState, State
from gateway.call.hearing import Hearing
from gateway.call.playback import Playback
from gateway.call.responses import Responses
from gateway.call.toolcalls import ToolCalls


class Floor:
    """Who has the floor of one call, and what the caller was shown of it."""

    def __init__(
        self, hearing: Hearing, playback: Playback, responses: Responses, tools: ToolCalls
    ) -> None:
        self._hearing = hearing
        self._playback = playback
        self._responses = responses
        self._tools = tools
        self.shown: State = "listening"

    def state(self, now: int) -> State:
        """Whose turn it is."""
        if self._hearing.open:
            return "hearing"
        if self._playback.playing(now):
            return "speaking"
        if self._responses.pending or self._tools.running:
            return "thinking"
        return "listening"

    def show(self, now: int) -> Iterator[ShowState]:
        """Tell the caller where that has changed."""
        if (state := self.state(now)) != self.shown:
            self.shown = state
            yield ShowState(state)


def is_busy(state: State) -> bool:
    """Whether somebody speaks."""
    return state in ("hearing", "speaking")
