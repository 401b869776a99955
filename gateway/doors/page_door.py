"""The page's way in over a WebSocket: `WS /browser`, for a call that begins or one that goes on.

With `?returns=1` a call whose socket breaks waits for another line, as one over WebRTC does; with
`?call=call_…` a socket is that line, whatever the call began over.
"""

from __future__ import annotations

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from gateway.admission.access import PLACE, RefusedError, address_of
from gateway.callers.browser import SUBPROTOCOL, BrowserDialect, Greeting
from gateway.callers.parting import LONGEST_REASON
from gateway.callers.patient import PatientLeg
from gateway.callers.websocket import WebSocketLeg
from gateway.doors.busy import turned_away
from gateway.doors.rtc import Live, RtcDoor
from gateway.doors.rtc_offers import Entry, House
from gateway.doors.socket_line import SocketLine
from gateway.errors import WireError
from gateway.identity.who import Identity
from gateway.log import calling
from gateway.plans.planning import Booking
from gateway.switchboard import BusyError

FORBIDDEN = 1008  # close codes
BUSY = 1013  # try again later
GONE = 4404  # the call that was asked for has ended


class PageDoor:
    """Sockets of the page, and of any program that speaks its protocol."""

    def __init__(self, house: House, calls: RtcDoor) -> None:
        self._house = house
        self._calls = calls

    def routes(self) -> list[BaseRoute]:
        """Its one address."""
        return [WebSocketRoute("/browser", self.browser)]

    async def browser(self, websocket: WebSocket) -> None:
        """One socket, from its handshake to its close."""
        try:
            who = await self._house.access.admit(websocket, PLACE)
            if (call_id := websocket.query_params.get("call")) is not None:
                await self._go_on(websocket, who, call_id)
            else:
                await self._begin(websocket, who)
        except RefusedError as refused:
            await _turn_away(websocket, FORBIDDEN, str(refused))
        except BusyError as busy:
            if not await turned_away(websocket, SUBPROTOCOL, busy):
                await _turn_away(websocket, BUSY, str(busy))

    async def _begin(self, websocket: WebSocket, who: Identity) -> None:
        async with self._house.seat(who, address_of(websocket)) as booking:
            await self._carry(websocket, booking)

    async def _carry(self, websocket: WebSocket, booking: Booking) -> None:
        greeting = self._house.greeting(booking)
        returns = "returns" in websocket.query_params
        patience = self._house.settings.webrtc.return_s if returns else 0.0
        entry = Entry(booking, SUBPROTOCOL, lambda: BrowserDialect(greeting), patience=patience)
        leg = PatientLeg(_line(websocket, entry), patience)
        live = Live(entry, leg, self._house.session(booking, leg))
        with calling(booking.plan.call_id):
            await self._calls.carry(live)

    async def _go_on(self, websocket: WebSocket, who: Identity, call_id: str) -> None:
        live = self._calls.live(call_id.replace("call_", "rtc_", 1), who)
        if live is None or not live.entry.patience:
            await _turn_away(websocket, GONE, "There is no such call, or it has ended.")
            return
        line = _line(websocket, live.entry)
        with calling(live.entry.booking.plan.call_id):
            live.leg.attach(line)
            await line.over.wait()


def _line(websocket: WebSocket, entry: Entry) -> SocketLine:
    call = entry.booking.plan.format
    return SocketLine(WebSocketLeg(websocket, entry.dialect(), call, subprotocol=SUBPROTOCOL))


async def _turn_away(websocket: WebSocket, code: int, message: str) -> None:
    """Say why, in the caller's own protocol, and close."""
    offered = websocket.scope["subprotocols"]  # a browser hears nothing where none is chosen
    await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    dialect = BrowserDialect(Greeting("", "", ""))
    for text in dialect.farewell("", WireError(message, code)):
        assert isinstance(text, str)
        await websocket.send_text(text)
    await websocket.close(code, message.encode()[:LONGEST_REASON].decode(errors="ignore"))
