"""jambonz: calls of an application whose webhook answers with the verb listen.

Webhooks and sockets show a name and a password by HTTP Basic authentication. A FreeSWITCH with
mod_audio_fork comes to the same socket, with a ticket in its metadata or without.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Any

import msgspec
from pydantic import Field
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from gateway.call.events import CallerJoined
from gateway.callers import carrier
from gateway.callers.bridge import (
    TICKET,
    Bridge,
    BridgeSection,
    Desk,
    Doors,
    body_of,
    forbidden,
    need,
    shows,
    take_socket,
    targets_of,
    turn_away,
)
from gateway.callers.jambonz_listen import HOOK, ListenDialect
from gateway.callers.line import LineError
from gateway.errors import TrunklineError
from gateway.private import Private
from gateway.section import Secret

log = logging.getLogger(__name__)

NAME = "jambonz"
SUBPROTOCOLS = ("audio.jambonz.org", "audio.drachtio.org")
UNKNOWN = "Expected the username and the password of bridges.jambonz, by Basic authentication."
CALL = "call_sid"  # the parameter that names the call
PUT_THROUGH = 1_000  # calls that wait to be asked about


class JambonzSection(BridgeSection):
    """Calls of jambonz applications (verb listen), and of FreeSWITCH's mod_audio_fork."""

    username: str = Field(default="trunkline", description="That webhooks and sockets show.")
    password: Secret = Field(default=Private(""), description="The same.")
    rate: carrier.Rate = Field(
        default=8000, description="Of the sound, in Hz; the telephone's own keeps marks exact."
    )
    check_ticket: bool = Field(
        default=True,
        description="Whether a socket must bring a ticket; false for listens of your own.",
    )
    targets: dict[str, str] = targets_of(NAME)


class _Told(msgspec.Struct, rename={"caller": "from", "called": "to"}):
    """What a webhook says of a call."""

    call_sid: str
    caller: str | None = None
    called: str | None = None
    direction: str | None = None
    caller_name: str | None = None
    call_status: str | None = None


class _Jambonz:
    """The bridge of one gateway."""

    def __init__(self, desk: Desk, section: JambonzSection) -> None:
        self._desk, self._section = desk, section
        self._onward: OrderedDict[str, str] = OrderedDict()  # calls, and whom they are to reach

    def routes(self) -> list[Route | WebSocketRoute]:
        """Its ways in."""
        return [
            Route(f"/{NAME}/voice", self.voice, methods=["POST"]),
            Route(f"/{NAME}/after", self.after, methods=["POST"]),
            Route(f"/{NAME}/status", self.status, methods=["POST"]),
            WebSocketRoute(f"/{NAME}/media", self.media),
        ]

    async def voice(self, request: Request) -> Response:
        """What jambonz is to do with a call: let us listen."""
        told = await self._told(request)
        if isinstance(told, Response):
            return told
        known = {CALL: told.call_sid, "direction": told.direction, "caller_name": told.caller_name}
        metadata = dict(request.query_params) | {k: v for k, v in known.items() if v}
        joined = CallerJoined(told.caller or "", called=told.called or "", metadata=metadata)
        try:
            ticket = await self._desk.welcome(NAME, joined)
            return JSONResponse([self._listen(request, ticket)])
        except TrunklineError as error:
            log.warning("a call was turned away", extra={"bridge": NAME, "why": str(error)})
            return JSONResponse([{"verb": "sip:decline", "status": 486, "reason": "Busy Here"}])

    async def after(self, request: Request) -> Response:
        """What jambonz is to do when the listen has ended: dial somebody, or hang up."""
        told = await self._told(request)
        if isinstance(told, Response):
            return told
        target = self._onward.pop(told.call_sid, None)
        verb = {"verb": "hangup"} if target is None else {"verb": "dial", "target": [whom(target)]}
        return JSONResponse([verb])

    async def status(self, request: Request) -> Response:
        """What became of a call; it is logged."""
        told = await self._told(request)
        if isinstance(told, Response):
            return told
        extra = {"bridge": NAME, "status": told.call_status, "call": told.call_sid}
        log.info("the provider reports", extra=extra)
        return Response(status_code=204)

    async def media(self, websocket: WebSocket) -> None:
        """A socket, from its upgrade to its end."""
        if not self._is_known(websocket):
            await turn_away(websocket, NAME, UNKNOWN)
            return
        offered = websocket.scope.get("subprotocols", ())
        await take_socket(
            self._desk,
            websocket,
            NAME,
            ListenDialect(self._section.rate),
            line=lambda joined: _Line(self, joined.metadata.get(CALL, "")),
            subprotocol=next((one for one in offered if one in SUBPROTOCOLS), ""),
            ticketed=self._section.check_ticket,
        )

    def send_on(self, call_sid: str, target: str) -> None:
        """When the call's listen has ended, it is to be dialled on. Raises LineError."""
        target = self._section.targets.get(target, target)
        whom(target)
        self._onward[call_sid] = target
        if len(self._onward) > PUT_THROUGH:
            self._onward.popitem(last=False)

    async def _told(self, request: Request) -> _Told | Response:
        """What a webhook says, shown the password; else the answer to it."""
        if (body := await body_of(request)) is None:
            return Response(status_code=413)
        if not self._is_known(request):
            return forbidden(NAME, UNKNOWN)
        try:
            return msgspec.json.decode(body, type=_Told)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            log.warning("a webhook is not understood", extra={"bridge": NAME, "why": str(error)})
            return Response(status_code=400)

    def _is_known(self, connection: HTTPConnection) -> bool:
        return shows(connection, self._section.username, self._section.password)

    def _listen(self, request: Request, ticket: str) -> dict[str, Any]:
        section = self._section
        return {
            "verb": "listen",
            "url": self._desk.public(request, f"/{NAME}/media", "wss"),
            "mixType": "mono",
            "sampleRate": section.rate,
            "passDtmf": True,
            "actionHook": self._desk.public(request, f"/{NAME}/after"),
            "wsAuth": {"username": section.username, "password": section.password.reveal()},
            "metadata": {TICKET: ticket, HOOK: "yes"},
            "bidirectionalAudio": {"enabled": True, "streaming": True, "sampleRate": section.rate},
        }


class _Line:
    """A call, beside its socket."""

    def __init__(self, bridge: _Jambonz, call_sid: str) -> None:
        self._bridge, self._call_sid = bridge, call_sid

    async def hang_up(self, reason: str) -> None:
        """Nothing: the listen was ended, and what follows it hangs up."""
        del reason

    async def transfer(self, target: str) -> None:
        """Have the caller dialled on when the listen has ended."""
        if not self._call_sid:
            raise LineError("the webhook did not name the call")
        self._bridge.send_on(self._call_sid, target)


def whom(target: str) -> dict[str, str]:
    """A target of jambonz' verb dial. Raises LineError."""
    if target.startswith(("sip:", "sips:")):
        return {"type": "sip", "sipUri": target}
    digits = carrier.digits_of(target)
    return {"type": "phone", "number": f"+{digits}" if target.startswith("+") else digits}


def _open(desk: Desk, section: JambonzSection) -> Doors:
    need(section, NAME, "username", "password")
    return Doors(_Jambonz(desk, section).routes())


BRIDGE = Bridge(NAME, JambonzSection, _open)
