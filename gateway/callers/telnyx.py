"""Telnyx: calls of TeXML applications and of Call Control, by media streaming in rtp mode.

Webhooks are signed with Ed25519 as "Webhook signing" of its documentation says. A TeXML webhook is
answered with the order to stream; of Call Control, the call is answered and streaming started over
the API. Either way a ticket goes along, by which the stream proves that it belongs to that call.
"""

from __future__ import annotations

import base64
import hmac
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import msgspec
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from audio.format import Format
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
from gateway.callers.telnyx_stream import TOKEN, TelnyxDialect
from gateway.errors import SettingsError, TrunklineError
from gateway.http import Answer
from gateway.private import Private
from gateway.section import Secret

log = logging.getLogger(__name__)

NAME = "telnyx"
WINDOW = 300  # seconds that a webhook's timestamp may be off
ENDED = "90018"  # the error of a call that has ended already
RINGING = 300.0  # seconds from an order to dial until somebody must have answered
UNSIGNED = "Expected Telnyx' signature of this webhook, not older than 5 minutes."
EVENTS = ("call.initiated", "call.answered", "call.machine.detection.ended", "streaming.failed")


class TelnyxSection(BridgeSection):
    """Telnyx: TeXML and Call Control applications, with media streaming in rtp mode."""

    public_key: str = Field(default="", description="Of the account; signs webhooks (base64).")
    api_key: Secret = Field(
        default=Private(""), description="For hang-up, transfer, dialling and Call Control."
    )
    codec: Literal["PCMU", "PCMA", "L16"] = Field(
        default="PCMU", description="Of the audio, both ways."
    )
    rate: carrier.Rate = Field(default=16000, description="Of L16, in Hz.")
    endian: Literal["big", "little"] = Field(default="big", description="Byte order of L16.")
    stream_token: Secret = Field(
        default=Private(""), description="Shown by each stream; with Call Control only."
    )
    target_legs: Literal["self", "both", "opposite"] = Field(
        default="self", description="Which legs of a call hear a stream of Call Control."
    )
    connection_id: str = Field(default="", description="Call Control application to dial with.")
    caller: str = Field(default="", description="Number to dial with.")
    targets: dict[str, str] = targets_of(NAME)
    api: str = Field(default="https://api.telnyx.com/v2", description="Where the API is.")

    @property
    def format(self) -> Format:
        """The audio that streams are asked for."""
        if self.codec == "L16":
            return Format("pcm16be" if self.endian == "big" else "pcm16", self.rate)
        return Format("pcmu" if self.codec == "PCMU" else "pcma", 8000)


class _CallOf(msgspec.Struct, rename={"caller": "from", "called": "to"}):
    call_control_id: str
    direction: str | None = None
    caller: str | None = None
    called: str | None = None
    client_state: str | None = None
    result: str | None = None
    failure_reason: str | None = None


class _Data(msgspec.Struct):
    event_type: str
    id: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"{}")


class _Webhook(msgspec.Struct):
    data: _Data


class _Dialled(msgspec.Struct):
    data: _CallOf


class _State(msgspec.Struct):
    """What a call carries through its webhooks; one without, as of a transfer, is not for us."""

    ticket: str = ""
    answering: str = "off"

    @property
    def encoded(self) -> str:
        """As `client_state` has it."""
        return base64.b64encode(msgspec.json.encode(self)).decode()


def is_signed(key: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether a webhook is by the holder of that public key (base64), and of now."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    stamp = headers.get("telnyx-timestamp", "")
    try:
        signature = base64.b64decode(headers.get("telnyx-signature-ed25519", ""), validate=True)
        public = Ed25519PublicKey.from_public_bytes(_decoded(key))
        public.verify(signature, stamp.encode() + b"|" + body)
        return abs(now - int(stamp)) <= WINDOW
    except (InvalidSignature, ValueError):
        return False


@dataclass(frozen=True, slots=True)
class _Line:
    """A call, over the API."""

    desk: Desk
    section: TelnyxSection
    call_id: str

    async def hang_up(self, reason: str) -> None:
        """End it; closing the socket is not enough."""
        await self.order("hangup", {})

    async def transfer(self, target: str) -> None:
        """Put the caller through to a number or a SIP address."""
        await self.order("transfer", {"to": self.section.targets.get(target, target)})

    async def order(self, action: str, body: Mapping[str, Any], once: str = "") -> None:
        """Give a Call Control command; `once`: what makes it the same when it comes again."""
        if once:
            body = {**body, "command_id": once}
        path = f"/calls/{quote(self.call_id, safe=':')}/actions/{action}"
        answer = await call_api(self.desk, self.section, f"do {action}", path, body, fine=(422,))
        if answer.status_code == 422 and ENDED not in answer.text:
            raise LineError(f"Telnyx refused {action} (422). Does the call still go on?")


async def call_api(
    desk: Desk, section: TelnyxSection, what: str, path: str, body: Mapping[str, Any], **more: Any
) -> Answer:
    """Telnyx' answer to an order. Raises LineError."""
    if not section.api_key:
        raise LineError("Telnyx can only be given orders where bridges.telnyx.api_key is set")
    bearer = {"authorization": f"Bearer {section.api_key.reveal()}"}
    url = section.api.rstrip("/") + path
    return await carrier.ask(
        desk.http, "Telnyx", what, "POST", url, json=body, headers=bearer, **more
    )


@dataclass(frozen=True, slots=True)
class _Telnyx:
    """The bridge of one gateway."""

    desk: Desk
    section: TelnyxSection

    async def voice(self, request: Request) -> Response:
        """A call has come: of a TeXML application as a form, of Call Control as JSON."""
        body = await body_of(request)
        if body is None:
            return Response(status_code=413)
        if not is_signed(self.section.public_key, request.headers, body, time.time()):
            return forbidden(NAME, UNSIGNED)
        try:
            if "json" not in request.headers.get("content-type", ""):
                return await self._texml(request, carrier.form_of(body))
            await self._control(request, msgspec.json.decode(body, type=_Webhook).data)
        except msgspec.MsgspecError as error:
            log.warning("a webhook is not understood", extra={"bridge": NAME, "error": str(error)})
            return Response(status_code=400)
        except TrunklineError as error:
            log.warning("a call was not taken", extra={"bridge": NAME, "why": str(error)})
        return Response()  # asked again we would answer no better

    async def _texml(self, request: Request, form: Mapping[str, str]) -> Response:
        given = dict(request.query_params)
        known = CallerJoined(form.get("From", ""), called=form.get("To", ""), metadata=given)
        try:
            ticket = await self.desk.welcome(NAME, known)
        except TrunklineError as error:
            log.warning("a call was turned away", extra={"bridge": NAME, "why": str(error)})
            return carrier.xml('<Reject reason="busy"/>')
        attributes = {
            "url": self.desk.public(request, f"/{NAME}/media", "wss"),
            "track": "inbound_track",
            "codec": self.section.codec,
            "bidirectionalMode": "rtp",
            "bidirectionalCodec": self.section.codec,
            "bidirectionalSamplingRate": str(self.section.format.rate),
        }
        stream = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items())
        parameter = f'<Parameter name="{TICKET}" value="{ticket}"/>'
        return carrier.xml(f"<Connect><Stream {stream}>{parameter}</Stream></Connect>")

    async def _control(self, request: Request, event: _Data) -> None:
        if event.event_type not in EVENTS:
            return
        call = msgspec.json.decode(event.payload, type=_CallOf)
        line = _Line(self.desk, self.section, call.call_control_id)
        state = _state_of(call.client_state)
        match event.event_type:
            case "call.initiated" if call.direction == "incoming":
                await self._answer(request, line, call, event.id)
            case "call.answered" if state.ticket and state.answering != "detect":
                await self._stream(request, line, state.ticket, event.id)
            case "call.machine.detection.ended" if state.ticket and state.answering == "detect":
                known = await self.desk.redeem(state.ticket)
                if known is not None:
                    metadata = {**known.metadata, "answered_by": call.result or ""}
                    ticket = self.desk.issue(replace(known, metadata=metadata))
                    await self._stream(request, line, ticket, event.id)
            case "call.machine.detection.ended" if state.ticket and call.result == "machine":
                await line.hang_up("a machine answered")
            case "streaming.failed":
                log.warning("Telnyx could not stream", extra={"why": call.failure_reason})

    async def _answer(self, request: Request, line: _Line, call: _CallOf, once: str) -> None:
        given = dict(request.query_params)
        known = CallerJoined(call.caller or "", called=call.called or "", metadata=given)
        try:
            state = _State(await self.desk.welcome(NAME, known))
        except TrunklineError as error:
            log.warning("a call was turned away", extra={"bridge": NAME, "why": str(error)})
            await line.order("reject", {"cause": "USER_BUSY"}, once)
            return
        await line.order("answer", {"client_state": state.encoded}, once)

    async def _stream(self, request: Request, line: _Line, ticket: str, once: str) -> None:
        order = {
            "stream_url": self.desk.public(request, f"/{NAME}/media", "wss"),
            "stream_track": "inbound_track",
            "stream_codec": self.section.codec,
            "stream_bidirectional_mode": "rtp",
            "stream_bidirectional_codec": self.section.codec,
            "stream_bidirectional_sampling_rate": self.section.format.rate,
            "stream_bidirectional_target_legs": self.section.target_legs,
            "custom_parameters": [{"name": TICKET, "value": ticket}],
        }
        if self.section.stream_token:
            order["stream_auth_token"] = self.section.stream_token.reveal()
        await line.order("streaming_start", order, once)

    async def media(self, websocket: WebSocket) -> None:
        """A stream, of a call that the webhook has answered."""
        token, shown = self.section.stream_token.reveal(), websocket.headers.get(TOKEN)
        if token and shown is not None:
            if not hmac.compare_digest(shown.encode(), token.encode()):
                await turn_away(websocket, NAME, f"Expected the right token in {TOKEN}.")
                return
            token = ""
        dialect = TelnyxDialect(self.section.format, token)
        await take_socket(
            self.desk,
            websocket,
            NAME,
            dialect,
            line=lambda _: _Line(self.desk, self.section, dialect.call_id),
        )

    async def dial(self, order: DialOrder) -> str:
        """Call somebody; the stream begins when they have answered."""
        section = self.section
        if not section.connection_id or not (order.caller or section.caller):
            raise LineError("To dial, set bridges.telnyx.connection_id and bridges.telnyx.caller.")
        known = CallerJoined(order.target, metadata=order.metadata)
        state = _State(self.desk.issue(known, RINGING), order.answering)
        body = {
            "connection_id": section.connection_id,
            "to": order.target,
            "from": order.caller or section.caller,
            "client_state": state.encoded,
        }
        if order.answering != "off":
            body["answering_machine_detection"] = "detect"
        answer = await call_api(self.desk, section, "dial", "/calls", body)
        try:
            return msgspec.json.decode(answer.content, type=_Dialled).data.call_control_id
        except msgspec.MsgspecError:
            raise LineError("Telnyx took the call but did not name it") from None


def _decoded(key: str) -> bytes:
    try:
        return base64.b64decode(key, validate=True)
    except ValueError:
        return b""


def _state_of(client_state: str | None) -> _State:
    try:
        return msgspec.json.decode(base64.b64decode(client_state or ""), type=_State)
    except (ValueError, msgspec.MsgspecError):
        return _State()  # it is not ours


def _open(desk: Desk, section: TelnyxSection) -> Doors:
    need(section, NAME, "public_key")
    if len(_decoded(section.public_key)) != 32:
        raise SettingsError(
            "bridges.telnyx.public_key: expected the public key of Telnyx' portal, 44 characters "
            "of base64"
        )
    bridge = _Telnyx(desk, section)
    routes = [
        Route(f"/{NAME}/voice", bridge.voice, methods=["POST"]),
        WebSocketRoute(f"/{NAME}/media", bridge.media),
    ]
    return Doors(routes, dial=bridge.dial)


BRIDGE = Bridge(NAME, TelnyxSection, _open)
