"""Floor: whose turn it is, as it follows from what the other parts know."""

from __future__ import annotations

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

    def busy(self, now: int) -> bool:
        """Whether somebody speaks."""
        return self._hearing.open or self._playback.playing(now)

    def free(self, now: int) -> bool:
        """Whether nobody speaks, and no answer is on its way."""
        return not (self._responses.pending or self.busy(now))

    def show(self, state: State) -> ShowState:
        """Tell the caller of another state than the one that it knows."""
        self.shown = state
        return ShowState(state)
