"""Bridge: what a telephony provider's file gives the gateway, and what it is given.

A provider is one module of this folder with a dialect, its webhook, its signature check and a
`BRIDGE`; its name stands in the list of `gateway.doors.bridges`. All that is alike lives here:
taking a socket from its upgrade to the call, tickets, refusals, and orders that go around the
socket.
"""

from __future__ import annotations

import hmac
import logging
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from pydantic import Field
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute
from starlette.websockets import WebSocket

from audio.format import Format
from gateway.call.effects import ToCaller
from gateway.call.events import CallerJoined, Event
from gateway.callers.dialect import Dialect
from gateway.callers.line import Line
from gateway.callers.parting import Limits
from gateway.callers.websocket import WebSocketLeg
from gateway.doors.ports import Ports
from gateway.errors import SettingsError, WireError
from gateway.http import Http
from gateway.private import Private
from gateway.section import Section

log = logging.getLogger(__name__)

TICKET = "ticket"  # the custom parameter in which a ticket comes back
BAD_TICKET = "Expected the ticket that the webhook gave for this call, unused and in time."
LONGEST_BODY = 64 * 1024  # bytes of a webhook's request
Answering = Literal["off", "detect", "hang_up"]  # what to do where a machine answers


class CallerLeg(Protocol):
    """A caller's leg that learns the call's format once the call is known."""

    def fit(self, call: Format) -> None: ...
    async def refuse(self, error: WireError) -> None: ...
    async def run(self, feed: Callable[[Event | bytes], None]) -> None: ...
    def send(self, effect: ToCaller) -> None: ...
    def close(self, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call that has said who it is and has not been answered."""

    bridge: str
    joined: CallerJoined
    format: Format  # of the audio on its wire
    lead: int  # microseconds, as in Dialect
    grain: int
    frame: int = 0  # microseconds; not 0 where the wire takes whole frames only
    mute: bool = False  # whether the caller is heard, and hears nothing


@dataclass(frozen=True, slots=True)
class DialOrder:
    """Call somebody."""

    target: str  # a telephone number, or what the provider takes for one
    caller: str = ""  # the number to show; empty: the bridge's own
    answering: Answering = "off"
    metadata: Mapping[str, str] = field(default_factory=dict)


class Desk(Protocol):
    """The gateway, as a bridge sees it."""

    @property
    def http(self) -> Http:
        """For the provider's API."""
        ...

    @property
    def ports(self) -> Ports:
        """For listeners of its own."""
        ...

    def issue(self, joined: CallerJoined, seconds: float = 60.0) -> str:
        """A one-time ticket for a call of which this is known. Raises TrunklineError."""
        ...

    async def known(self, word: str) -> str:
        """The same ticket, once every process and gateway may redeem it."""
        ...

    async def redeem(self, word: str) -> CallerJoined | None:
        """What is known of the ticket's call; nothing where the ticket is not good."""
        ...

    async def busy(self, bridge: str, joined: CallerJoined) -> str:
        """Why that call would not be let in at this moment; empty where it would."""
        ...

    async def welcome(self, bridge: str, joined: CallerJoined) -> str:
        """A ticket for a call that has come to its webhook. Raises TrunklineError where there is
        no room for it."""
        ...

    async def connect(self, arrival: Arrival, leg: CallerLeg) -> None:
        """Carry a call from here to its end."""
        ...

    def public(self, connection: HTTPConnection | None, path: str, scheme: str = "https") -> str:
        """The address of a path as the provider reaches it: server.public_url, or as it came.

        Raises TrunklineError where neither is there.
        """
        ...

    async def may_operate(self, connection: HTTPConnection) -> str:
        """Why this request may not do what operators do; empty where it may."""
        ...


class BridgeSection(Section):
    """What every bridge can be set to."""

    enabled: bool = Field(default=False, description="Whether calls are taken this way.")


def targets_of(bridge: str, agent: str = "+15551234567") -> Any:
    """The setting that names whom `context.transfer` means, with an `agent` as example."""
    example = f'[bridges.{bridge}.targets]\nagent = "{agent}"\nsales = "sip:sales@pbx.test"'
    about = "Names by which the assistant puts callers through, and whom they stand for."
    return Field(default={}, description=about, examples=[example])


@dataclass(frozen=True, slots=True)
class Doors:
    """The ways in that an enabled bridge opens."""

    routes: Sequence[BaseRoute] = ()
    listen: Callable[[], AbstractAsyncContextManager[Any]] | None = None  # a listener of its own
    dial: Callable[[DialOrder], Awaitable[str]] | None = None  # gives the provider's call id


@dataclass(frozen=True, slots=True)
class Bridge:
    """One provider."""

    name: str  # of its module, of its section under [bridges], of its paths
    settings: type[BridgeSection]
    open: Callable[[Desk, Any], Doors]  # the settings are of that type


def need(section: BridgeSection, bridge: str, *names: str) -> None:
    """Raises SettingsError where a key that the bridge cannot do without is empty."""
    for name in names:
        if not getattr(section, name):
            raise SettingsError(
                f"bridges.{bridge}.enabled is true, but bridges.{bridge}.{name} is empty; set it "
                f"in trunkline.toml or as TRUNKLINE_BRIDGES__{bridge.upper()}__{name.upper()}"
            )


def shows(connection: HTTPConnection, username: str, password: Private[str]) -> bool:
    """Whether a request has that name and password, as RFC 7617 writes them; in constant time."""
    scheme, _, shown = connection.headers.get("authorization", "").partition(" ")
    try:
        came = b64decode(shown.strip(), validate=True) if scheme.lower() == "basic" else b""
    except ValueError:
        came = b""
    return hmac.compare_digest(came, f"{username}:{password.reveal()}".encode())


async def body_of(request: Request, limit: int = LONGEST_BODY) -> bytes | None:
    """What a request brings; None where it is more than that."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            return None
    return body


def forbidden(bridge: str, why: str) -> Response:
    """403, and a line in the log that says why, without what was shown."""
    log.warning("a request was turned away", extra={"bridge": bridge, "why": why})
    return PlainTextResponse(f"Forbidden: {why}\n", 403)


async def turn_away(websocket: WebSocket, bridge: str, why: str) -> None:
    """403 instead of an upgrade, before a byte of audio is taken."""
    await websocket.send_denial_response(forbidden(bridge, why))


async def take_socket(
    desk: Desk,
    websocket: WebSocket,
    bridge: str,
    dialect: Dialect,
    *,
    line: Callable[[CallerJoined], Line | None] | None = None,
    subprotocol: str = "",
    ticketed: bool = True,
    frame: int = 0,
    mute: bool = False,
    limits: Limits | None = None,
) -> None:
    """Carry a provider's socket, its upgrade already checked, from its first message to its end.

    `ticketed`: the call's custom parameter `ticket` must be one that was given out and not used.
    `frame`: microseconds; the wire takes sound in whole frames only. `mute`: it takes none at all.
    """
    leg = WebSocketLeg(websocket, dialect, subprotocol=subprotocol, limits=limits)
    joined = await leg.answer()
    if joined is None:
        level = logging.WARNING if leg.broken else logging.INFO
        log.log(level, "a call did not begin", extra={"bridge": bridge, "why": leg.why})
        return
    if ticketed:
        known = await desk.redeem(joined.metadata.get(TICKET, ""))
        if known is None:
            log.warning("a call was turned away", extra={"bridge": bridge, "why": BAD_TICKET})
            await leg.refuse(WireError(BAD_TICKET, 1008))
            return
        joined = merged(joined, known)
        leg.introduce(joined)
    if line is not None:
        leg.line = line(joined)
    arrival = Arrival(bridge, joined, dialect.format, dialect.lead, dialect.grain, frame, mute)
    await desk.connect(arrival, leg)


def merged(joined: CallerJoined, known: CallerJoined) -> CallerJoined:
    """What the call says of itself, corrected by what is known of it from a better source."""
    said = {name: value for name, value in joined.metadata.items() if name != TICKET}
    return replace(
        joined,
        address=known.address or joined.address,
        called=known.called or joined.called,
        metadata={**said, **known.metadata},
        tenant=known.tenant,
    )
