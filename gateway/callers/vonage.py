"""Vonage: calls of a Voice API application whose NCCO connects them to a WebSocket endpoint here.

Webhooks and upgrades bring a JWT, signed by HMAC-SHA256 with the account's signature secret, as
"Signed webhooks" of Vonage's documentation says. Calls are dialled and put through over the Voice
API, with a JWT that the application's private key signs. Closing the socket ends a call.
"""

from __future__ import annotations

import hmac
import json
import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from pydantic import Field
from starlette.requests import Request
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
    DialOrder,
    Doors,
    body_of,
    forbidden,
    need,
    take_socket,
    targets_of,
    turn_away,
)
from gateway.callers.line import LineError
from gateway.callers.vonage_socket import FRAME_US, VonageDialect
from gateway.errors import SettingsError, TrunklineError
from gateway.private import Private
from gateway.section import Secret

log = logging.getLogger(__name__)

NAME = "vonage"
WINDOW = 300  # seconds that a token may be old
LIFE = 600  # seconds that a token of ours is good
CALL = "call_uuid"  # the parameter that names the caller's leg
UNSIGNED = (
    "Expected Authorization: Bearer with a JWT of Vonage's, of now and of this body; see that "
    "signed webhooks are on, and that bridges.vonage.signature_secret is the account's."
)
MACHINE = {"detect": "continue", "hang_up": "hangup"}


class VonageSection(BridgeSection):
    """Calls from Vonage's Voice API; the application's answer URL is /vonage/voice."""

    signature_secret: Secret = Field(
        default=Private(""), description="The account's; it signs webhooks and upgrades."
    )
    rate: carrier.Rate = Field(default=16000, description="Of the sound, in Hz.")
    check_upgrade: bool = Field(
        default=True, description="Whether the socket must bring a JWT, beside its ticket."
    )
    application_id: str = Field(default="", description="To dial and put through; empty: neither.")
    private_key_file: str = Field(
        default="", description="The application's private key, a PEM file; for the same."
    )
    caller: str = Field(default="", description="The number that `trunkline dial` shows.")
    busy: str = Field(
        default="All lines are busy. Please call again later.",
        description="What Vonage says to a caller for whom there is no room.",
    )
    targets: dict[str, str] = targets_of(NAME, agent="15551234567")
    api: str = Field(default="https://api.nexmo.com", description="Where the API is.")


class _Told(msgspec.Struct, rename={"caller": "from", "called": "to"}):
    """What a webhook says of a call."""

    caller: str | None = None
    called: str | None = None
    uuid: str | None = None
    status: str | None = None
    reason: str | None = None


FIELDS = ("from", "to", "uuid", "conversation_uuid", "status", "reason")  # of a webhook by GET


class _Dialled(msgspec.Struct):
    uuid: str


def is_signed(secret: str, authorization: str, body: bytes, now: float) -> bool:
    """Whether a request shows a JWT of whoever knows the secret, of now, and of this body."""
    import jwt

    scheme, _, token = authorization.partition(" ")
    checks = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
    try:
        claims = jwt.decode(token, secret, algorithms=["HS256"], options=checks)  # type: ignore[arg-type]
        made, until = float(claims["iat"]), float(claims.get("exp", now))
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
        return False
    hashed = str(claims.get("payload_hash", ""))
    fits = hmac.compare_digest(hashed.encode(), sha256(body).hexdigest().encode())
    timely = abs(now - made) <= WINDOW and until >= now
    return scheme.lower() == "bearer" and timely and (fits or not body)


@dataclass(frozen=True, slots=True)
class _Api:
    """Vonage's Voice API, for one application."""

    desk: Desk
    section: VonageSection

    async def order(self, what: str, method: str, path: str, body: Any) -> bytes:
        """Its answer. Raises LineError."""
        section = self.section
        if not (section.application_id and section.private_key_file):
            raise LineError(
                "Vonage can only be given orders where bridges.vonage.application_id and "
                "bridges.vonage.private_key_file are set"
            )
        bearer = {"authorization": f"Bearer {self._token(time.time())}"}
        url = section.api.rstrip("/") + path
        http = self.desk.http
        answer = await carrier.ask(http, "Vonage", what, method, url, json=body, headers=bearer)
        return answer.content

    def _token(self, now: float) -> str:
        import jwt

        claims = {
            "application_id": self.section.application_id,
            "iat": int(now),
            "exp": int(now) + LIFE,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(claims, _key(self.section.private_key_file), algorithm="RS256")


@cache
def _key(file: str) -> str:
    return Path(file).read_text()


def _is_key(file: str) -> bool:
    """Whether a call can be put through with it, which is late to find out."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return isinstance(load_pem_private_key(_key(file).encode(), None), RSAPrivateKey)
    except (OSError, ValueError, TypeError):
        return False


@dataclass(frozen=True, slots=True)
class _Line:
    """The caller's leg, beside the socket."""

    api: _Api
    call_uuid: str

    async def hang_up(self, reason: str) -> None:
        """Nothing: closing the socket ends the leg, and with it the NCCO and the call."""
        del reason

    async def transfer(self, target: str) -> None:
        """Give the caller's leg another NCCO, which calls somebody."""
        target = self.api.section.targets.get(target, target)
        if not self.call_uuid:
            raise LineError("the webhook did not name the call")
        action: dict[str, Any] = {"action": "connect", "endpoint": [endpoint(target)]}
        if self.api.section.caller:
            action["from"] = carrier.digits_of(self.api.section.caller)
        order = {"action": "transfer", "destination": {"type": "ncco", "ncco": [action]}}
        path = f"/v1/calls/{quote(self.call_uuid, safe='')}"
        await self.api.order("put a caller through", "PUT", path, order)


def endpoint(target: str) -> dict[str, str]:
    """Whom to call: a SIP address, or a number as Vonage writes it."""
    if target.startswith(("sip:", "sips:")):
        return {"type": "sip", "uri": target}
    return {"type": "phone", "number": carrier.digits_of(target)}


@dataclass(frozen=True, slots=True)
class _Vonage:
    """The bridge of one gateway."""

    desk: Desk
    section: VonageSection
    api: _Api

    async def voice(self, request: Request) -> Response:
        """What Vonage is to do with a call: connect it here."""
        told = await self._told(request)
        if isinstance(told, Response):
            return told
        metadata = dict(request.query_params)
        if request.method == "GET":  # then its fields stand there too
            metadata = {k: v for k, v in metadata.items() if k not in FIELDS}
        metadata |= {CALL: told.uuid} if told.uuid else {}
        known = CallerJoined(told.caller or "", called=told.called or "", metadata=metadata)
        try:
            return JSONResponse(self._ncco(request, await self.desk.welcome(NAME, known)))
        except TrunklineError as error:
            log.warning("a call was turned away", extra={"bridge": NAME, "why": str(error)})
            return JSONResponse([{"action": "talk", "text": self.section.busy}])

    async def events(self, request: Request) -> Response:
        """What became of a call; it is logged."""
        told = await self._told(request)
        if isinstance(told, Response):
            return told
        extra = {"bridge": NAME, "status": told.status, "call": told.uuid, "why": told.reason}
        log.info("the provider reports", extra=extra)
        return Response(status_code=204)

    async def media(self, websocket: WebSocket) -> None:
        """A socket, of a call that the webhook has answered."""
        shown, secret = websocket.headers.get("authorization", ""), self.section.signature_secret
        signed = is_signed(secret.reveal(), shown, b"", time.time())
        if self.section.check_upgrade and not signed:
            await turn_away(websocket, NAME, UNSIGNED)
            return
        dialect = VonageDialect(self.section.rate)
        await take_socket(
            self.desk,
            websocket,
            NAME,
            dialect,
            line=lambda joined: _Line(self.api, joined.metadata.get(CALL, "")),
            frame=FRAME_US,
        )

    async def dial(self, order: DialOrder) -> str:
        """Have Vonage call somebody and connect them here."""
        if not (shown := order.caller or self.section.caller):
            raise TrunklineError(
                "Expected the number to show: give one, or set bridges.vonage.caller."
            )
        known = CallerJoined(order.target, called=shown, metadata=order.metadata)
        body: dict[str, Any] = {
            "to": [endpoint(order.target)],
            "from": {"type": "phone", "number": carrier.digits_of(shown)},
            "ncco": self._ncco(None, self.desk.issue(known, carrier.RINGING)),
            "event_url": [self.desk.public(None, f"/{NAME}/events")],
        }
        if order.answering in MACHINE:
            body["machine_detection"] = MACHINE[order.answering]
        answer = await self.api.order("dial", "POST", "/v1/calls", body)
        try:
            return msgspec.json.decode(answer, type=_Dialled).uuid
        except msgspec.MsgspecError:
            raise LineError("Vonage took the call but did not name it") from None

    async def _told(self, request: Request) -> _Told | Response:
        """What a signed webhook says; else the answer to it."""
        if (body := await body_of(request)) is None:
            return Response(status_code=413)
        shown = request.headers.get("authorization", "")
        if not is_signed(self.section.signature_secret.reveal(), shown, body, time.time()):
            return forbidden(NAME, UNSIGNED)
        said: Mapping[str, Any] = dict(request.query_params)
        try:
            if body:
                said = json.loads(body)
            return msgspec.convert(said, _Told)
        except (ValueError, RecursionError) as error:  # msgspec's is one too
            log.warning("a webhook is not understood", extra={"bridge": NAME, "why": str(error)})
            return Response(status_code=400)

    def _ncco(self, request: Request | None, ticket: str) -> list[dict[str, Any]]:
        socket = {
            "type": "websocket",
            "uri": self.desk.public(request, f"/{NAME}/media", "wss"),
            "content-type": f"audio/l16;rate={self.section.rate}",
            "headers": {TICKET: ticket},
            "authorization": {"type": "vonage"},
        }
        events = self.desk.public(request, f"/{NAME}/events")
        return [{"action": "connect", "eventUrl": [events], "endpoint": [socket]}]


def _open(desk: Desk, section: VonageSection) -> Doors:
    need(section, NAME, "signature_secret")
    if section.private_key_file and not _is_key(section.private_key_file):
        raise SettingsError(
            "bridges.vonage.private_key_file: expected a PEM file with the application's private "
            f"key, which this process can read, and {section.private_key_file!r} is none"
        )
    bridge = _Vonage(desk, section, _Api(desk, section))
    routes = [
        Route(f"/{NAME}/voice", bridge.voice, methods=["GET", "POST"]),
        Route(f"/{NAME}/events", bridge.events, methods=["GET", "POST"]),
        WebSocketRoute(f"/{NAME}/media", bridge.media),
    ]
    return Doors(routes, dial=bridge.dial)


BRIDGE = Bridge(NAME, VonageSection, _open)
