"""The desk: the gateway as its bridges see it, and what programs may order there.

`POST /api/tickets` gives out a one-time ticket for a call that is about to come; `POST /api/calls`
has a bridge call somebody. Both are for whoever shows the server's token.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal, TypeVar

import msgspec
from httpx2 import AsyncClient
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gateway import bridges
from gateway.access import Access, RefusedError
from gateway.call.events import CallerJoined
from gateway.callers.bridge import Arrival, CallerLeg, DialOrder, Doors, body_of
from gateway.errors import TrunklineError
from gateway.settings import Settings
from gateway.switchboard import Switchboard
from gateway.tickets import LIFETIME, Tickets

log = logging.getLogger(__name__)

LONGEST = 64 * 1024  # bytes of an order
HTTP_SECONDS = 10.0  # for a provider's API to answer

T = TypeVar("T")
Take = Callable[[Arrival, CallerLeg], Awaitable[None]]


class _TicketOrder(msgspec.Struct, rename={"caller": "from", "called": "to"}):
    caller: str = ""
    called: str = ""
    metadata: dict[str, str] = {}
    seconds: float = LIFETIME


class _CallOrder(msgspec.Struct, rename={"target": "to", "caller": "from"}):
    via: str
    target: str
    caller: str = ""
    answering: Literal["off", "detect", "hang_up"] = "off"
    metadata: dict[str, str] = {}


class Desk:
    """One gateway's desk. `take` carries a booked call from a leg to its end."""

    def __init__(
        self,
        settings: Settings,
        switchboard: Switchboard,
        access: Access,
        take: Take,
        http: AsyncClient,
    ) -> None:
        self._settings = settings
        self._switchboard = switchboard
        self._access = access
        self._take = take
        self._tickets = Tickets()
        self.http = http
        self._doors: dict[str, Doors] = {
            bridge.name: bridge.open(self, section)
            for bridge, section in bridges.enabled(settings.bridges)
        }

    # ------------------------------------------------------------ for bridges

    def issue(self, joined: CallerJoined, seconds: float = LIFETIME) -> str:
        """A one-time ticket for a call of which this is known."""
        return self._tickets.issue(joined, seconds)

    def redeem(self, word: str) -> CallerJoined | None:
        """What is known of the ticket's call; nothing where the ticket is not good."""
        return self._tickets.redeem(word)

    @property
    def busy(self) -> str:
        """Why no call is let in at this moment; empty where one is."""
        return self._switchboard.why_busy

    async def connect(self, arrival: Arrival, leg: CallerLeg) -> None:
        """Carry a call from here to its end."""
        await self._take(arrival, leg)

    def public(self, connection: HTTPConnection | None, path: str, scheme: str = "https") -> str:
        """The address of a path as the provider reaches it. Raises TrunklineError."""
        named = self._settings.server.public_url
        if not named and connection is None:
            raise TrunklineError(
                "Expected server.public_url, the address at which providers reach this gateway, "
                "and it is empty; set it in trunkline.toml or as TRUNKLINE_SERVER__PUBLIC_URL."
            )
        if connection is not None and not named:
            return f"{scheme}://{connection.headers.get('host', '')}{path}"
        secure = named.startswith("https://")
        scheme = scheme if secure else {"https": "http", "wss": "ws"}.get(scheme, scheme)
        return f"{scheme}://{named.partition('://')[2]}{path}"

    async def may_operate(self, connection: HTTPConnection) -> str:
        """Why this request may not do what operators do; empty where it may."""
        try:
            await self._access.admit(connection, "calls:dial")
        except RefusedError as refused:
            return str(refused)
        return ""

    # ------------------------------------------------------------ for programs

    @property
    def routes(self) -> list[BaseRoute]:
        """The ways in that the enabled bridges open, and the desk's own."""
        return [
            Route("/api/tickets", self._ticket, methods=["POST"]),
            Route("/api/calls", self._dial, methods=["POST"]),
            *(route for doors in self._doors.values() for route in doors.routes),
        ]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """The bridges' own listeners are open."""
        async with AsyncExitStack() as stack:
            for doors in self._doors.values():
                if doors.listen is not None:
                    await stack.enter_async_context(doors.listen())
            yield

    async def _ticket(self, request: Request) -> Response:
        order = await self._order(request, _TicketOrder)
        if isinstance(order, Response):
            return order
        known = CallerJoined(order.caller, called=order.called, metadata=order.metadata)
        seconds = min(max(order.seconds, 1.0), 3600.0)
        try:
            return JSONResponse({"ticket": self.issue(known, seconds), "seconds": seconds}, 201)
        except TrunklineError as error:
            return _problem(503, str(error))

    async def _dial(self, request: Request) -> Response:
        order = await self._order(request, _CallOrder)
        if isinstance(order, Response):
            return order
        doors = self._doors.get(order.via)
        if doors is None or doors.dial is None:
            able = ", ".join(name for name, one in self._doors.items() if one.dial) or "none"
            return _problem(
                400,
                f"Expected in via a bridge that is enabled and can dial ({able}), and "
                f"{order.via[:40]!r} came.",
            )
        dial = DialOrder(order.target, order.caller, order.answering, order.metadata)
        try:
            return JSONResponse({"via": order.via, "id": await doors.dial(dial)}, 201)
        except TrunklineError as error:
            return _problem(502, str(error))

    async def _order(self, request: Request, kind: type[T]) -> T | Response:
        try:
            await self._access.admit(request, "calls:dial")
        except RefusedError as refused:
            return _problem(refused.status, str(refused))
        if (body := await body_of(request, LONGEST)) is None:
            return _problem(413, f"Expected at most {LONGEST} bytes.")
        try:
            return msgspec.json.decode(body or b"{}", type=kind)
        except msgspec.MsgspecError as error:
            return _problem(400, f"Expected a JSON object: {error}.")


def _problem(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message}}, status)


@asynccontextmanager
async def open_desk(
    settings: Settings, switchboard: Switchboard, access: Access, take: Take
) -> AsyncIterator[Desk]:
    """A desk whose bridges listen."""
    async with AsyncClient(timeout=HTTP_SECONDS) as http:
        desk = Desk(settings, switchboard, access, take, http)
        async with desk.listening():
            yield desk
