"""Asterisk's chan_websocket: calls over WebSockets that Asterisk opens here, or that we open there.

Asterisk opens one for `Dial(WebSocket/...)` and shows a name and a password. We open one for a call
that we have Asterisk make, over its REST interface (`ari`).
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from gateway.call.events import CallerJoined
from gateway.callers.ari import AriCalls, AriSection
from gateway.callers.bridge import (
    TICKET,
    Bridge,
    BridgeSection,
    Desk,
    Doors,
    need,
    shows,
    take_socket,
    turn_away,
)
from gateway.callers.chan_websocket_wire import ChanWebSocketDialect
from gateway.callers.dialplan import Dialplan, DialplanLine
from gateway.callers.line import Line
from gateway.callers.pacing import PERIOD_US
from gateway.private import Private
from gateway.section import Secret

NAME = "chan_websocket"
SUBPROTOCOL = "media"
NO_PASSWORD = (
    "Expected username and password of [bridges.chan_websocket], as websocket_client.conf has them."
)


class ChanWebSocketSection(BridgeSection):
    """Calls from Asterisk's chan_websocket, which connects to /chan_websocket/media."""

    username: str = Field(default="asterisk", description="What websocket_client.conf shows.")
    password: Secret = Field(default=Private(""), description="And its password.")
    ari: AriSection = Field(default=AriSection(), description="To have Asterisk call somebody.")


@dataclass(frozen=True, slots=True)
class _Door:
    """Where Asterisk connects."""

    desk: Desk
    section: ChanWebSocketSection
    dialplan: Dialplan

    async def media(self, websocket: WebSocket) -> None:
        """One call."""
        if not shows(websocket, self.section.username, self.section.password):
            await turn_away(websocket, NAME, NO_PASSWORD)
            return
        given = dict(websocket.query_params)
        word = given.get(TICKET, "")

        def line(_: CallerJoined) -> Line:
            return DialplanLine(word, self.dialplan.outcomes)

        await take_socket(
            self.desk,
            websocket,
            NAME,
            ChanWebSocketDialect(given),
            line=line,
            subprotocol=SUBPROTOCOL,
            ticketed=TICKET in given,
            frame=PERIOD_US,
        )


def _open(desk: Desk, section: ChanWebSocketSection) -> Doors:
    need(section, NAME, "password")
    dialplan = Dialplan(NAME, desk)
    door = _Door(desk, section, dialplan)
    routes = [*dialplan.routes, WebSocketRoute(f"/{NAME}/media", door.media)]
    if not section.ari.url:
        return Doors(routes)
    calls = AriCalls(desk, NAME, section.ari)
    return Doors(routes, listen=calls.open, dial=calls.dial)


BRIDGE = Bridge(NAME, ChanWebSocketSection, _open)
