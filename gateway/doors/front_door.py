"""The front door for Realtime clients: `WS /v1/realtime`, and secrets for those in browsers.

A socket with `?call_id=` is a sideband: it follows a live call of any kind as a stream of events,
and may say what is to be done, while the sound stays where it is.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.admission.access import PLACE, Access, RefusedError, address_of
from gateway.admission.quotas import Claim
from gateway.announcements import assistant_lost, not_that
from gateway.assistants.openai import endpoint
from gateway.call.effects import ToCaller
from gateway.call.events import CallerJoined
from gateway.callers.parting import LONGEST_REASON, Limits
from gateway.callers.patient import PatientLeg
from gateway.callers.realtime import Offer, RealtimeDialect
from gateway.callers.realtime.configuration import Configuration
from gateway.callers.websocket import WebSocketLeg
from gateway.doors.busy import turned_away
from gateway.doors.client_secrets import PREFIX, ClientSecrets
from gateway.doors.entrance import credential
from gateway.doors.front_return import Absent, Returns, new_token, told
from gateway.doors.sideband import Sideband
from gateway.doors.socket_line import SocketLine
from gateway.errors import WireError
from gateway.identity.who import Identity
from gateway.log import calling
from gateway.plans.planning import Booking
from gateway.protocol import schema
from gateway.protocol.reading import decoded
from gateway.protocol.wire import Json, Refused, new_id, unknown_value
from gateway.session import Leg, Session
from gateway.settings import Settings
from gateway.switchboard import RETRY_AFTER, BusyError, Switchboard

log = logging.getLogger(__name__)

PATH = "/v1/realtime"
SUBPROTOCOL = "realtime"
READ = "calls:read"
BETA = "openai-beta.realtime-v1"
LARGEST = 20 * 1024 * 1024  # bytes of a message; over 15 MiB of audio it is answered with an error
LARGEST_BODY = 1024 * 1024
LIMITS = Limits(start=900.0, outbox=48 * 1024 * 1024, frame=LARGEST)
STATUSES = {
    "invalid_api_key": 401,
    "origin_not_allowed": 403,
    "scope_missing": 403,
    "rate_limit_exceeded": 429,
    "unavailable": 503,
}
BAD_KEY, BAD_REQUEST, BUSY = 3000, 4000, 1013  # close codes; the first two are OpenAI's

SECRET = schema.Fields(
    {
        "expires_after": schema.nullable(
            schema.Fields(
                {"anchor": schema.one_of("created_at"), "seconds": schema.integer(10, 7200)},
                defaults={"seconds": 600},
            )
        ),
        "session": schema.nullable(schema.mapping),
        "origin": schema.nullable(schema.text),
        "identity": schema.nullable(schema.text),
    }
)


class House(Protocol):
    """The gateway, as this door sees it."""

    @property
    def settings(self) -> Settings: ...
    @property
    def switchboard(self) -> Switchboard: ...
    @property
    def secrets(self) -> ClientSecrets: ...
    @property
    def access(self) -> Access: ...
    def page_booking(self, who: Identity) -> Booking: ...
    def seat(self, who: Identity, address: str) -> AbstractAsyncContextManager[Booking]: ...
    async def look(self, claim: Claim, counts: str = "") -> None: ...
    def session(self, booking: Booking, leg: Leg[ToCaller]) -> Session: ...


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who may come in, and what is known of them."""

    who: Identity
    session: Json | None = None  # that a secret was bound to
    identity: str = ""

    def joined(self, connection: HTTPConnection) -> CallerJoined:
        """As the call is told."""
        known = {"identity": self.identity} if self.identity else {}
        return CallerJoined(address_of(connection), metadata={"door": "realtime", **known})


async def admit(connection: HTTPConnection, access: Access, open_secrets: ClientSecrets) -> Visitor:
    """Whoever shows a key or a secret that is good. Raises Refused."""
    shown = credential(connection)
    if shown.startswith(PREFIX):
        try:
            secret = await open_secrets.take(shown, connection.headers.get("origin", ""))
        except Refused as refused:
            access.note_refusal(connection, 401, refused.message)
            raise
        _check(access, secret.who)
        return Visitor(_as(secret.who, secret.identity), secret.session, secret.identity)
    named = connection.headers.get("openai-safety-identifier", "")
    return Visitor(_as(await _let_in(connection, access), named), identity=named)


def _as(who: Identity, named: str) -> Identity:
    """A key may be a server's, which says for whom it calls; a token has said it, and it stays."""
    return replace(who, caller=who.caller or named)


def _check(access: Access, who: Identity) -> None:
    try:
        access.still_good(who)
    except RefusedError as refused:
        raise Refused(refused.code, str(refused)) from None


async def _let_in(connection: HTTPConnection, access: Access) -> Identity:
    try:
        return await access.admit(connection, PLACE)
    except RefusedError as refused:
        raise Refused(refused.code, str(refused)) from None


class FrontDoor:
    """The way in for programs that speak the Realtime protocol."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._returns = Returns(LIMITS)

    def routes(self) -> list[BaseRoute]:
        """All its addresses."""
        return [
            WebSocketRoute(PATH, self.realtime),
            Route(f"{PATH}/client_secrets", self.client_secrets, methods=["POST"]),
        ]

    # ------------------------------------------------------------ sockets

    async def realtime(self, websocket: WebSocket) -> None:
        """One client, from its handshake to its close."""
        if (why := self._busy(websocket)) and await self._deny(websocket, BusyError(why)):
            return
        offered = websocket.scope["subprotocols"]  # one of them may be a key: only ours is echoed
        with suppress(WebSocketDisconnect, OSError):
            await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
            try:
                visitor = await admit(websocket, self._house.access, self._house.secrets)
                if (token := websocket.query_params.get("resume")) is not None:
                    await self._returns.go_on(websocket, token, visitor.who)
                elif (call_id := websocket.query_params.get("call_id")) is not None:
                    await self._watch(websocket, call_id, visitor)
                else:
                    await self._call(websocket, visitor)
            except Refused as refused:
                code = BAD_KEY if refused.code == "invalid_api_key" else BAD_REQUEST
                await _turn_away(websocket, refused, code)
            except BusyError as busy:
                await _turn_away(websocket, _told(busy), BUSY)

    def _busy(self, websocket: WebSocket) -> str:
        """Why it cannot begin a call; nothing where it can, or follows one that is live."""
        if {"call_id", "resume"} & websocket.query_params.keys():
            return ""
        return self._house.switchboard.why_busy

    async def _deny(self, websocket: WebSocket, busy: BusyError) -> bool:
        """Refuse the upgrade, where its client can read a status."""
        if not await turned_away(websocket, SUBPROTOCOL, busy):
            return False
        self._house.switchboard.turned_away(busy)
        return True

    async def _call(self, websocket: WebSocket, visitor: Visitor) -> None:
        """A call, whose plan is made with the client's first message."""
        intent = websocket.query_params.get("intent", SUBPROTOCOL)
        if intent != "realtime":
            raise unknown_value(intent, ["realtime"], "intent")
        async with self._house.seat(visitor.who, address_of(websocket)) as booking:
            await self._begin(websocket, visitor, booking)

    async def _begin(self, websocket: WebSocket, visitor: Visitor, booking: Booking) -> None:
        offer = Offer(
            booking.plan,
            websocket.query_params.get("model") or endpoint(booking.target).model or "trunkline",
            visitor.session,
            joined=visitor.joined(websocket),
        )
        dialect = RealtimeDialect(offer, secrets.token_hex(6), beta_shape=_asks_beta(websocket))
        for hello in dialect.opened():
            await websocket.send_text(str(hello))
        returns = "returns" in websocket.query_params
        token = new_token(self._house.switchboard.mark)
        seconds = returns * self._house.settings.webrtc.return_s
        if seconds:
            await websocket.send_text(told(token, seconds))
        leg = WebSocketLeg(websocket, dialect, limits=LIMITS)
        with calling(booking.plan.call_id):
            if await leg.answer() is None:
                log.info("a client left before its call began", extra={"why": leg.why})
                return
            if why := self._house.switchboard.why_busy:
                self._house.switchboard.turned_away(BusyError(why))
                await leg.refuse(WireError(why, BUSY))
                return
            plan = dialect.begin()
            known = {"identity": visitor.identity} if visitor.identity else {}
            plan = replace(
                plan,
                lost_notice=assistant_lost(plan.format),
                guard_notice=not_that(plan.format),
                metadata={**plan.metadata, "door": "realtime", **known},
            )
            leg.fit(plan.format)
            booking = replace(booking, plan=plan, via="realtime")
            if seconds:
                patient = PatientLeg(SocketLine(leg), seconds)
                await self._carry_patiently(booking, patient, dialect, token)
            else:
                await self._house.switchboard.connect(self._house.session(booking, leg))

    async def _carry_patiently(
        self, booking: Booking, leg: PatientLeg, dialect: RealtimeDialect, token: str
    ) -> None:
        plan = booking.plan
        absent = Absent(leg, dialect, plan.call_id, plan.format, plan.tenant)
        with self._returns.awaited(token, absent):
            await self._house.switchboard.connect(self._house.session(booking, leg))

    async def _watch(self, websocket: WebSocket, call_id: str, visitor: Visitor) -> None:
        """A second socket on a live call: not for a secret, which is good for a call of its own."""
        who, session = visitor.who, None
        if visitor.session is None and who.may(READ):
            session = self._house.switchboard.find("call_" + call_id.partition("_")[2])
        if session is None or not who.sees(session.plan.tenant):
            message = "There is no such call here, or it has ended."
            raise Refused("call_id_not_found", message, "call_id")
        offer = Offer(session.plan, "trunkline", media=False, watches=True)
        offer = replace(offer, format=session.plan.format)
        dialect = RealtimeDialect(offer, secrets.token_hex(6), beta_shape=_asks_beta(websocket))
        dialect.begin()
        for hello in dialect.opened():
            await websocket.send_text(str(hello))
        with calling(session.plan.call_id):
            log.info("a sideband begins")
            leg = WebSocketLeg(websocket, dialect, session.plan.format, limits=LIMITS)
            sideband = Sideband(leg, dialect)
            with self._house.access.guests.staying(who, leg.close):
                await sideband.run(session)

    async def client_secrets(self, request: Request) -> Response:
        """A short-lived secret, for whoever shows the key."""
        try:
            if credential(request).startswith(PREFIX):
                raise Refused("invalid_api_key", "A client secret cannot make another.")
            return await self._mint(request, await _let_in(request, self._house.access))
        except Refused as refused:
            status = STATUSES.get(refused.code, 400)
            return _problem(refused, status, RETRY_AFTER if status == 503 else None)
        except BusyError as busy:
            self._house.switchboard.turned_away(busy)
            return _problem(_told(busy), busy.status, busy.headers)

    async def _mint(self, request: Request, who: Identity) -> Response:
        body = await _body(request)
        asked = SECRET(body, "body", lenient=False)
        wanted = {"type": "realtime"} | (asked.get("session") or {})
        identity = asked.get("identity") or request.headers.get("openai-safety-identifier", "")
        whose = self._house.access.place(_as(who, identity))
        await self._house.look(Claim(whose.tenant, whose.caller), "secrets")
        booking = self._house.page_booking(who)
        model = wanted.get("model") or endpoint(booking.target).model or "trunkline"
        configuration = Configuration(Offer(booking.plan, str(model)), new_id("sess"))
        configuration.update(wanted, spoke=False)
        secret = self._house.secrets.mint(
            (asked.get("expires_after") or {"seconds": 600})["seconds"],
            wanted,
            who,
            origin=asked.get("origin") or "",
            identity=identity,
        )
        answer = {"value": secret.value, "expires_at": secret.expires_at}
        headers = {"cache-control": "no-store"}
        return JSONResponse(answer | {"session": configuration.session}, headers=headers)


def _asks_beta(websocket: WebSocket) -> bool:
    asked = websocket.headers.get("openai-beta", "")
    return "realtime=v1" in asked or BETA in websocket.scope["subprotocols"]


async def _turn_away(websocket: WebSocket, refused: Refused, code: int) -> None:
    """Say why, as the protocol does, and close."""
    log.info("a client was turned away", extra={"why": refused.code})
    said = refused.event() | {"event_id": new_id("event")}
    await websocket.send_text(msgspec.json.encode(said).decode())
    reason = f"{refused.kind}.{refused.code}".encode()[:LONGEST_REASON]
    await websocket.close(code, reason.decode(errors="ignore"))


async def _body(request: Request) -> Json:
    """The JSON object that a request brings. Raises Refused."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY:
            raise Refused("request_too_large", f"Expected at most {LARGEST_BODY} bytes.")
    asked = decoded(body or b"{}")
    if not isinstance(asked, dict):
        raise Refused("invalid_json", "Expected a JSON object.")
    return asked


def _told(busy: BusyError) -> Refused:
    return Refused(busy.code, str(busy), kind=busy.kind)


def _problem(refused: Refused, status: int, headers: Mapping[str, str] | None = None) -> Response:
    error = {"message": refused.message, "type": refused.kind}
    said = {"error": {**error, "param": refused.param, "code": refused.code}}
    return JSONResponse(said, status, headers)
