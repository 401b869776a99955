"""Sideband: a second socket on a live call, which follows it and may say what is to be done."""

from __future__ import annotations

import time

from gateway.call.effects import Effect, ToCaller
from gateway.call.events import CallerDigit, Event, FromClient
from gateway.callers.realtime import RealtimeDialect
from gateway.callers.websocket import WebSocketLeg
from gateway.session import Session


class Sideband:
    """A tap on a call that may also say what is to be done."""

    def __init__(self, leg: WebSocketLeg, dialect: RealtimeDialect) -> None:
        self._leg = leg
        self._dialect = dialect

    async def run(self, session: Session) -> None:
        """Until its client leaves, or the call ends."""

        def feed(event: Event | bytes) -> None:
            if isinstance(event, FromClient):
                session.feed(event)

        session.attach(self)
        try:
            await self._leg.run(feed)
        finally:
            session.detach(self)

    def event(self, event: Event, now: int) -> None:
        """What reaches the call shows in what it orders, save for the keys of a telephone."""
        if isinstance(event, CallerDigit):
            for message in self._dialect.pressed(event.digit, time.time()):
                self._leg.say(message)

    def effect(self, effect: Effect, now: int) -> None:
        """What the caller is shown, the sideband is shown."""
        if isinstance(effect, ToCaller):
            self._leg.send(effect)

    def close(self) -> None:
        """The call is over."""
        self._leg.close("the call has ended")
