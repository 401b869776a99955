"""Plivo: calls of an XML application, by bidirectional audio streaming.

Requests are signed as version 3 of "Validating requests" of Plivo's documentation says: by
HMAC-SHA256 with the account's auth token, over the address, the form and a nonce.
"""

from __future__ import annotations

import hmac
import logging
import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, quote, urlsplit
from xml.sax.saxutils import escape, quoteattr

import msgspec
from pydantic import Field
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from audio.format import Format, pcm16
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
from gateway.callers.carrier import BAD_ORDER, ORDER, RINGING
from gateway.callers.line import LineError
from gateway.callers.plivo_stream import PlivoDialect
from gateway.errors import TrunklineError
from gateway.private import Private
from gateway.section import Secret

log = logging.getLogger(__name__)

NAME = "plivo"
SIGNATURE, NONCE = "x-plivo-signature-v3", "x-plivo-signature-v3-nonce"
LONGEST_CALL = 86_400  # seconds of a stream
UNSIGNED = (
    "Expected X-Plivo-Signature-V3 for this address; see that server.public_url is the address at "
    "which Plivo calls, and bridges.plivo.auth_token the account's."
)
TOLD = {"Direction": "direction", "CallerName": "caller_name", "Machine": "machine"}
MACHINE = {"detect": "true", "hang_up": "hangup"}
CONTENTS = {
    "l16-8000": ("audio/x-l16;rate=8000", pcm16(8_000)),
    "l16-16000": ("audio/x-l16;rate=16000", pcm16(16_000)),
    "mulaw-8000": ("audio/x-mulaw;rate=8000", Format("pcmu", 8_000)),
}

Pairs = Iterable[tuple[str, str]]


class PlivoSection(BridgeSection):
    """Calls from Plivo's audio streaming; the application's answer URL is /plivo/voice."""

    auth_token: Secret = Field(
        default=Private(""), description="The account's; it signs, and opens the API."
    )
    auth_id: str = Field(
        default="", description="To end, put through and begin calls over the API; empty: no API."
    )
    content: Literal["mulaw-8000", "l16-8000", "l16-16000"] = Field(
        default="mulaw-8000", description="Of the sound, both ways."
    )
    endian: Literal["little", "big"] = Field(default="little", description="Byte order of L16.")
    check_upgrade: bool = Field(
        default=False, description="Whether the stream must be signed, beside its ticket."
    )
    caller: str = Field(default="", description="The number that `trunkline dial` shows.")
    targets: dict[str, str] = targets_of(NAME, agent="15551234567")
    api: str = Field(default="https://api.plivo.com", description="Where the API is.")


class _Placed(msgspec.Struct):
    request_uuid: str | Annotated[list[str], msgspec.Meta(min_length=1)]


def signature(token: str, method: str, url: str, nonce: str, fields: Pairs = ()) -> str:
    """Version 3, in base64."""
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}{parts.path}"
    query = "&".join(f"{k}={v}" for k, v in sorted(parse_qsl(parts.query, keep_blank_values=True)))
    base += f"?{query}" if query else ""
    form = "".join(name + value for name, value in sorted(fields))
    if method == "POST" and form:
        base += f".{form}" if query else f"?{form}"
    return b64encode(hmac.digest(token.encode(), f"{base}.{nonce}".encode(), "sha256")).decode()


def is_signed(shown: str, expected: str) -> bool:
    """Whether one of the signatures, of which there may be several, is the expected one."""
    wanted = expected.encode()
    fits = [hmac.compare_digest(one.strip().encode(), wanted) for one in shown.split(",")]
    return any(fits)  # all were looked at, so that the time taken tells nothing


@dataclass(frozen=True, slots=True)
class _Line:
    """A call, over the API."""

    desk: Desk
    section: PlivoSection
    call_id: str
    orders: str  # the address of orders for calls that are put through

    async def hang_up(self, reason: str) -> None:
        """End it; one that has ended is left as it is."""
        del reason
        await self.order("end a call", "DELETE", f"Call/{self._named}/", fine=(404,))

    async def transfer(self, target: str) -> None:
        """Send the caller's leg to another XML, which dials."""
        target = self.section.targets.get(target, target)
        dial_xml(target)
        word = self.desk.issue(CallerJoined(called=target))
        body = {"legs": "aleg", "aleg_url": f"{self.orders}?{ORDER}={word}", "aleg_method": "POST"}
        await self.order("put a caller through", "POST", f"Call/{self._named}/", json=body)

    @property
    def _named(self) -> str:
        return quote(self.call_id, safe="")

    async def order(self, what: str, method: str, path: str, **request: Any) -> bytes:
        """Plivo's answer. Raises LineError."""
        section = self.section
        if not section.auth_id:
            raise LineError("Plivo can only be given orders where bridges.plivo.auth_id is set")
        url = f"{section.api.rstrip('/')}/v1/Account/{quote(section.auth_id, safe='')}/{path}"
        account = (section.auth_id, section.auth_token.reveal())
        answer = await carrier.ask(
            self.desk.http, "Plivo", what, method, url, auth=account, **request
        )
        return answer.content


def dial_xml(target: str) -> str:
    """The XML that dials somebody. Raises LineError."""
    if re.fullmatch(r"sips?:[^\s<>\"']{1,250}", target):
        return f"<Dial><User>{escape(target)}</User></Dial>"
    return f"<Dial><Number>{carrier.digits_of(target)}</Number></Dial>"


@dataclass(frozen=True, slots=True)
class _Plivo:
    """The bridge of one gateway."""

    desk: Desk
    section: PlivoSection

    async def voice(self, request: Request) -> Response:
        """What Plivo is to do with a call that comes in, or that we began."""
        fields = await self._fields(request)
        if isinstance(fields, Response):
            return fields
        given = dict(request.query_params)
        order = None
        if (word := given.pop(ORDER, "")) and (order := await self.desk.redeem(word)) is None:
            return forbidden(NAME, BAD_ORDER)
        metadata = given | {name: fields[said] for said, name in TOLD.items() if fields.get(said)}
        known = CallerJoined(fields.get("From", ""), called=fields.get("To", ""), metadata=metadata)
        if order is not None:
            metadata |= order.metadata
            known = CallerJoined(order.address, called=order.called, metadata=metadata)
        try:
            return carrier.xml(self._stream(request, await self.desk.welcome(NAME, known)))
        except TrunklineError as error:
            log.warning("a call was turned away", extra={"bridge": NAME, "why": str(error)})
            return carrier.xml('<Hangup reason="busy"/>')

    async def orders(self, request: Request) -> Response:
        """The XML that a call was sent here for."""
        fields = await self._fields(request)
        if isinstance(fields, Response):
            return fields
        order = await self.desk.redeem(request.query_params.get(ORDER, ""))
        return forbidden(NAME, BAD_ORDER) if order is None else carrier.xml(dial_xml(order.called))

    async def status(self, request: Request) -> Response:
        """What became of a stream or of a call; it is logged."""
        fields = await self._fields(request)
        if isinstance(fields, Response):
            return fields
        status = fields.get("Event") or fields.get("CallStatus", "")
        extra = {"bridge": NAME, "status": status, "call": fields.get("CallUUID", "")}
        log.info("the provider reports", extra=extra)
        return Response(status_code=204)

    async def media(self, websocket: WebSocket) -> None:
        """A stream, from its upgrade to its end."""
        must = self.section.check_upgrade or SIGNATURE in websocket.headers
        if must and not self._is_signed(websocket, "GET", "wss", ()):
            await turn_away(websocket, NAME, UNSIGNED)
            return
        dialect = PlivoDialect(CONTENTS[self.section.content][1], self.section.endian)
        orders = self.desk.public(websocket, f"/{NAME}/orders")
        await take_socket(
            self.desk,
            websocket,
            NAME,
            dialect,
            line=lambda _: _Line(self.desk, self.section, dialect.call_id, orders),
        )

    async def dial(self, order: DialOrder) -> str:
        """Have Plivo call somebody and ask our webhook when it is answered."""
        if not (shown := order.caller or self.section.caller):
            raise TrunklineError(
                "Expected the number to show: give one, or set bridges.plivo.caller."
            )
        known = CallerJoined(order.target, called=shown, metadata=order.metadata)
        voice = self.desk.public(None, f"/{NAME}/voice")
        body = {
            "from": carrier.digits_of(shown),
            "to": order.target
            if order.target.startswith("sip")
            else carrier.digits_of(order.target),
            "answer_url": f"{voice}?{ORDER}={self.desk.issue(known, RINGING)}",
            "answer_method": "POST",
        }
        if order.answering in MACHINE:
            body["machine_detection"] = MACHINE[order.answering]
        answer = await _Line(self.desk, self.section, "", "").order(
            "dial", "POST", "Call/", json=body
        )
        try:
            placed = msgspec.json.decode(answer, type=_Placed).request_uuid
        except msgspec.MsgspecError:
            raise LineError("Plivo took the call but did not name it") from None
        return placed if isinstance(placed, str) else placed[0]

    async def _fields(self, request: Request) -> dict[str, str] | Response:
        """The form of a request that is signed; else the answer to it."""
        if (body := await body_of(request)) is None:
            return Response(status_code=413)
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=500)
        except ValueError:
            return forbidden(NAME, "Expected a form.")
        if not self._is_signed(request, request.method, "https", pairs):
            return forbidden(NAME, UNSIGNED)
        return dict(pairs) if request.method == "POST" else dict(request.query_params)

    def _is_signed(
        self, connection: HTTPConnection, method: str, scheme: str, fields: Pairs
    ) -> bool:
        query = connection.url.query
        path = connection.url.path + (f"?{query}" if query else "")
        url = self.desk.public(connection, path, scheme)
        nonce, shown = connection.headers.get(NONCE, ""), connection.headers.get(SIGNATURE, "")
        token = self.section.auth_token.reveal()
        return bool(nonce) and is_signed(shown, signature(token, method, url, nonce, fields))

    def _stream(self, request: Request, ticket: str) -> str:
        attributes = {
            "bidirectional": "true",
            "keepCallAlive": "true",
            "contentType": CONTENTS[self.section.content][0],
            "audioTrack": "inbound",
            "streamTimeout": str(LONGEST_CALL),
            "statusCallbackUrl": self.desk.public(request, f"/{NAME}/status"),
            "statusCallbackMethod": "POST",
            "extraHeaders": f"{TICKET}={ticket.replace('-', '')}",  # letters and digits only
        }
        named = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items())
        address = escape(self.desk.public(request, f"/{NAME}/media", "wss"))
        return f"<Stream {named}>{address}</Stream>"


def _open(desk: Desk, section: PlivoSection) -> Doors:
    need(section, NAME, "auth_token")
    bridge = _Plivo(desk, section)
    routes = [
        Route(f"/{NAME}/voice", bridge.voice, methods=["GET", "POST"]),
        Route(f"/{NAME}/orders", bridge.orders, methods=["POST"]),
        Route(f"/{NAME}/status", bridge.status, methods=["GET", "POST"]),
        WebSocketRoute(f"/{NAME}/media", bridge.media),
    ]
    return Doors(routes, dial=bridge.dial if section.auth_id else None)


BRIDGE = Bridge(NAME, PlivoSection, _open)
