"""The desk: the gateway as its bridges see it, and what programs may order there.

It gives out one-time tickets for calls that are about to come, and has bridges call somebody.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Protocol, TypeVar

from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from gateway.admission.access import Access, RefusedError
from gateway.call.events import CallerJoined
from gateway.callers.bridge import Arrival, CallerLeg, DialOrder, Doors
from gateway.doors import bridges
from gateway.doors.ports import OwnPorts, Ports
from gateway.doors.tickets import LIFETIME, Tickets
from gateway.errors import TrunklineError
from gateway.http import Http, LateClient
from gateway.settings import Settings
from gateway.sharing.redis import SharedTickets
from gateway.switchboard import BusyError, Switchboard

log = logging.getLogger(__name__)

LONGEST = 64 * 1024  # bytes of an order
# What a request may call this machine.
HOST = re.compile(r"([\w.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.ASCII | re.IGNORECASE)
HTTP_SECONDS = 10.0  # for a provider's API to answer

T = TypeVar("T")


class Floor(Protocol):
    """The gateway, as the desk sees it."""

    @property
    def switchboard(self) -> Switchboard: ...
    @property
    def access(self) -> Access: ...
    async def arrive(self, arrival: Arrival, leg: CallerLeg) -> None: ...
    async def look_for(self, bridge: str, joined: CallerJoined) -> None: ...


# Whose call is being placed, while a bridge makes its ticket.
_placing: ContextVar[str] = ContextVar("placing", default="")


class UnknownBridgeError(TrunklineError):
    """No bridge of that name can call anybody."""


class Desk:
    """One gateway's desk."""

    def __init__(
        self,
        settings: Settings,
        floor: Floor,
        http: Http,
        tickets: Tickets | SharedTickets,
        ports: Ports | None = None,
    ) -> None:
        self._settings = settings
        self._floor = floor
        self._tickets = tickets
        self.http = http
        self.ports = ports or OwnPorts()
        self._doors: dict[str, Doors] = {
            bridge.name: bridge.open(self, section)
            for bridge, section in bridges.enabled(settings.bridges)
        }

    # ------------------------------------------------------------ for bridges

    def issue(self, joined: CallerJoined, seconds: float = LIFETIME) -> str:
        """A one-time ticket for a call of which this is known."""
        whose = joined.tenant or _placing.get()
        return self._tickets.issue(replace(joined, tenant=whose), seconds)

    async def redeem(self, word: str) -> CallerJoined | None:
        """What is known of the ticket's call; nothing where the ticket is not good."""
        if isinstance(self._tickets, Tickets):
            return self._tickets.redeem(word)
        return await self._tickets.redeem(word)

    async def busy(self, bridge: str, joined: CallerJoined) -> str:
        """Why that call would not be let in at this moment; empty where it would."""
        try:
            await self._floor.look_for(bridge, joined)
        except BusyError as busy:
            return str(busy)
        return ""

    async def welcome(self, bridge: str, joined: CallerJoined) -> str:
        """A ticket for a call that has come to its webhook; counted where it is refused.

        Raises TrunklineError.
        """
        try:
            await self._floor.look_for(bridge, joined)
        except BusyError as busy:
            raise self._floor.switchboard.turned_away(busy) from None
        return await self.known(self.issue(joined))

    async def known(self, word: str) -> str:
        """The same ticket, once every process and gateway may redeem it."""
        if not isinstance(self._tickets, Tickets):
            await self._tickets.wait_known(word)
        return word

    async def connect(self, arrival: Arrival, leg: CallerLeg) -> None:
        """Carry a call from here to its end."""
        await self._floor.arrive(arrival, leg)

    def public(self, connection: HTTPConnection | None, path: str, scheme: str = "https") -> str:
        """The address of a path as the provider reaches it. Raises TrunklineError."""
        named = self._settings.server.public_url
        if not named and connection is None:
            raise TrunklineError(
                "Expected server.public_url, the address at which providers reach this gateway, "
                "and it is empty; set it in trunkline.toml or as TRUNKLINE_SERVER__PUBLIC_URL."
            )
        if connection is not None and not named:
            host = connection.headers.get("host", "")
            return f"{scheme}://{host if HOST.fullmatch(host) else ''}{path}"
        secure = named.startswith("https://")
        scheme = scheme if secure else {"https": "http", "wss": "ws"}.get(scheme, scheme)
        return f"{scheme}://{named.partition('://')[2]}{path}"

    async def may_operate(self, connection: HTTPConnection) -> str:
        """Why this request may not do what operators do; empty where it may."""
        try:
            await self._floor.access.admit(connection, "calls:dial")
        except RefusedError as refused:
            return str(refused)
        return ""

    # ------------------------------------------------------------ for programs

    @property
    def routes(self) -> list[BaseRoute]:
        """The ways in that the enabled bridges open."""
        return [route for doors in self._doors.values() for route in doors.routes]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """The bridges' own listeners are open."""
        async with AsyncExitStack() as stack:
            for doors in self._doors.values():
                if doors.listen is not None:
                    await stack.enter_async_context(doors.listen())
            yield

    async def dial(self, via: str, order: DialOrder, tenant: str = "") -> str:
        """Have a bridge call somebody; gives the provider's id of the call.

        Raises UnknownBridgeError, or what the bridge says of a provider that refuses.
        """
        doors = self._doors.get(via)
        if doors is None or doors.dial is None:
            able = ", ".join(name for name, one in self._doors.items() if one.dial) or "none"
            raise UnknownBridgeError(
                f"Expected in via a bridge that is enabled and can dial ({able}), and "
                f"{via[:40]!r} came."
            )
        token = _placing.set(tenant)
        try:
            return await doors.dial(order)
        finally:
            _placing.reset(token)


@asynccontextmanager
async def open_desk(
    settings: Settings,
    floor: Floor,
    tickets: Tickets | SharedTickets,
    ports: Ports | None = None,
) -> AsyncIterator[Desk]:
    """A desk whose bridges listen, on ports of their own where none are given."""
    async with LateClient(HTTP_SECONDS) as http:
        desk = Desk(settings, floor, http, tickets, ports)
        async with desk.listening():
            yield desk
