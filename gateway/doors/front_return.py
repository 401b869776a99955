"""Returns: Realtime clients that lose their socket, come back with a token, and go on.

Only who asks for it, with `?returns=1`, is waited for: it is told `trunkline.resume` with a token,
and comes back with `?resume=` and that. What the call said meanwhile, but for sound, it gets then.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
from starlette.websockets import WebSocket

from audio.format import Format
from gateway.callers.parting import Limits
from gateway.callers.patient import PatientLeg
from gateway.callers.realtime import RealtimeDialect
from gateway.callers.websocket import WebSocketLeg
from gateway.doors.socket_line import SocketLine
from gateway.identity.who import Identity
from gateway.log import calling
from gateway.protocol.wire import Refused, new_id

GONE = "There is no call to come back to: it has ended, or its time was over. Begin another."


@dataclass(frozen=True, slots=True)
class Absent:
    """A call whose client may come back."""

    leg: PatientLeg
    dialect: RealtimeDialect
    call_id: str
    format: Format
    tenant: str


class Returns:
    """The calls of one front door whose clients may come back, by their tokens."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._calls: dict[str, Absent] = {}

    @contextmanager
    def awaited(self, token: str, call: Absent) -> Iterator[None]:
        """While the call is live."""
        self._calls[token] = call
        try:
            yield
        finally:
            del self._calls[token]

    async def go_on(self, websocket: WebSocket, token: str, who: Identity) -> None:
        """Carry a call on over this socket, for as long as it lasts. Raises Refused."""
        call = self._calls.get(token)
        if call is None or call.leg.over or not who.sees(call.tenant):
            raise Refused("session_not_found", GONE, "resume")
        for message in call.dialect.again():
            await websocket.send_text(str(message))
        leg = WebSocketLeg(websocket, call.dialect, call.format, limits=self._limits)
        line = SocketLine(leg, again=True)
        with calling(call.call_id):
            call.leg.attach(line)
            await line.over.wait()


def new_token(mark: str) -> str:
    """One that nobody guesses; it bears the mark of the process that knows it."""
    return f"resume_{mark}{mark and '.'}{secrets.token_urlsafe(24)}"


def told(token: str, seconds: float) -> str:
    """The event that gives a client its token."""
    event = {"type": "trunkline.resume", "event_id": new_id("event")}
    return msgspec.json.encode(event | {"token": token, "seconds": seconds}).decode()
