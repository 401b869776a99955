"""A socket as one line of a call that may outlive it: the server keeps it open while it runs."""

from __future__ import annotations

from collections.abc import Callable

from gateway.call.effects import ToCaller
from gateway.call.events import CallerJoined, Event
from gateway.callers.websocket import WebSocketLeg
from gateway.flag import Flag


class SocketLine:
    """One of a `PatientLeg`'s lines; `over` is set when the socket has served."""

    def __init__(self, leg: WebSocketLeg, again: bool = False) -> None:
        self._leg = leg
        self._again = again
        self._silent = again  # until it runs: its words are the call's, which another may say
        self.over = Flag()

    async def run(self, feed: Callable[[Event | bytes], None]) -> None:
        """As the leg does; who comes back `again` has joined at once."""
        self._silent = False
        if self._again:
            feed(CallerJoined())
        try:
            await self._leg.run(feed)
        finally:
            self.over.set()

    def send(self, effect: ToCaller) -> None:
        """As the leg does."""
        self._leg.send(effect)

    def close(self, reason: str) -> None:
        """As the leg does; without words where another has taken its place before it began."""
        self._leg.close(reason, words=not self._silent)
