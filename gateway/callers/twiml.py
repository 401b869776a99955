"""Calls by TwiML: what Twilio and those who follow it have in common, beside their messages.

The provider asks a webhook what to do with a call; the answer has it open a media stream here, and
carries a one-time ticket by which the stream proves that it belongs to that call (the query string
of a stream's address would be stripped).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl
from xml.sax.saxutils import quoteattr

from pydantic import Field
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from audio.format import Encoding
from gateway.call.events import CallerJoined
from gateway.callers.bridge import (
    BridgeSection,
    Desk,
    DialOrder,
    Doors,
    body_of,
    forbidden,
    take_socket,
    targets_of,
    turn_away,
)
from gateway.callers.carrier import BAD_ORDER, ORDER, RINGING
from gateway.callers.twiml_messages import StreamDialect
from gateway.callers.twiml_rest import Api, RestLine
from gateway.errors import TrunklineError

log = logging.getLogger(__name__)

BUSY = '<Response><Reject reason="busy"/></Response>'
HANG_UP = "<Response><Hangup/></Response>"
TOLD = {  # what a webhook says of a call, and how tools and lines know it
    "CallSid": "call_sid",
    "Direction": "direction",
    "ForwardedFrom": "forwarded_from",
    "CallerName": "caller_name",
    "AnsweredBy": "answered_by",
    "StirVerstat": "stir_verstat",
}
SIP_HEADER = "SipHeader_"
MACHINES = ("machine", "fax")
ANSWERING = "answering"  # in an order: what is to be done where a machine answers

Pairs = list[tuple[str, str]]


class TwimlSection(BridgeSection):
    """What every bridge of this kind can be set to."""

    caller: str = Field(default="", description="The number that `trunkline dial` shows.")
    after: str = Field(
        default="",
        description="Address of the TwiML that the provider goes on with when the assistant has"
        " hung up; empty: the call ends.",
    )
    targets: dict[str, str] = targets_of("twilio")


@dataclass(frozen=True, slots=True)
class Provider:
    """One of the providers."""

    name: str
    section: TwimlSection
    signed: Callable[[HTTPConnection, str, Pairs, bytes], str]  # why not; empty: it is
    admits: Callable[[HTTPConnection, str], str]  # the same of a stream's upgrade
    api: Api | None = None
    inline: bool = True  # whether a call's new TwiML may stand in the request that gives it
    attributes: Mapping[str, str] = field(default_factory=dict)  # of <Stream>
    ticketed: bool = True
    wide: Encoding = "pcm16"  # how streams order the bytes of L16


class Carrier:
    """The ways in of one provider."""

    def __init__(self, desk: Desk, provider: Provider) -> None:
        self._desk, self._provider = desk, provider
        self._name = provider.name
        self._media = f"/{self._name}/media"

    def doors(self) -> Doors:
        """Webhook, stream, status, and orders for calls that are put through."""
        routes = [
            Route(f"/{self._name}/voice", self.voice, methods=["POST"]),
            Route(f"/{self._name}/orders", self.orders, methods=["POST"]),
            Route(f"/{self._name}/status", self.status, methods=["POST"]),
            WebSocketRoute(self._media, self.media),
        ]
        return Doors(routes, dial=self.dial if self._provider.api is not None else None)

    async def voice(self, request: Request) -> Response:
        """What the provider is to do with a call that comes in, or that we began."""
        fields = await self._fields(request)
        if isinstance(fields, Response):
            return fields
        given = dict(request.query_params)
        order = None
        if word := given.pop(ORDER, ""):
            if (order := await self._desk.redeem(word)) is None:
                return forbidden(self._name, BAD_ORDER)
            fields["Direction"] = "outbound"
        known = _known(fields, given, order)
        if _machine_unwanted(known, order):
            log.info("a machine answered", extra={"bridge": self._name})
            return _twiml(HANG_UP)
        try:
            ticket = await self._desk.welcome(self._name, known)
        except TrunklineError as error:
            log.warning("a call was turned away", extra={"bridge": self._name, "why": str(error)})
            return _twiml(BUSY)
        return _twiml(self._connect(request, ticket))

    async def orders(self, request: Request) -> Response:
        """The TwiML that a call was sent here for."""
        fields = await self._fields(request)
        if isinstance(fields, Response):
            return fields
        order = await self._desk.redeem(request.query_params.get(ORDER, ""))
        return forbidden(self._name, BAD_ORDER) if order is None else _twiml(order.called)

    async def status(self, request: Request) -> Response:
        """What became of a stream or of a call; it is logged."""
        fields = await self._fields(request)
        if isinstance(fields, Response):
            return fields
        event = fields.get("StreamEvent") or fields.get("CallStatus", "")
        extra = {"bridge": self._name, "status": event, "call": fields.get("CallSid", "")}
        if error := fields.get("StreamError", ""):
            log.warning("the provider reports an error", extra={**extra, "error": error})
        else:
            log.info("the provider reports", extra=extra)
        return Response(status_code=204)

    async def media(self, websocket: WebSocket) -> None:
        """A stream, from its upgrade to its end."""
        if why := self._provider.admits(websocket, self._address(websocket, "wss")):
            await turn_away(websocket, self._name, why)
            return
        dialect = StreamDialect(self._provider.wide)
        orders = self._desk.public(websocket, f"/{self._name}/orders")
        await take_socket(
            self._desk,
            websocket,
            self._name,
            dialect,
            line=lambda _: self._line(dialect.call_sid, orders),
            ticketed=self._provider.ticketed,
        )

    async def dial(self, order: DialOrder) -> str:
        """Have the provider call somebody and ask our webhook when it is answered."""
        api, section = self._provider.api, self._provider.section
        assert api is not None
        if not (shown := order.caller or section.caller):
            raise TrunklineError(
                f"Expected the number to show: give one, or set bridges.{self._name}.caller."
            )
        voice = self._desk.public(None, f"/{self._name}/voice")
        status = self._desk.public(None, f"/{self._name}/status")
        metadata = {**order.metadata, ANSWERING: order.answering}
        known = CallerJoined(order.target, called=shown, metadata=metadata)
        word = self._desk.issue(known, RINGING)
        fields = {
            "To": order.target,
            "From": shown,
            "Url": f"{voice}?{ORDER}={word}",
            "StatusCallback": status,
        }
        if order.answering != "off":
            fields["MachineDetection"] = "Enable"
        return await api.create(fields)

    # ------------------------------------------------------------ parts

    async def _fields(self, request: Request) -> dict[str, str] | Response:
        """The form of a request that is signed; else the answer to it."""
        if (body := await body_of(request)) is None:
            return Response(status_code=413)
        pairs: Pairs = []
        if "json" not in request.headers.get("content-type", ""):
            try:
                pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=500)
            except ValueError:
                return forbidden(self._name, "Expected a form.")
        if why := self._provider.signed(request, self._address(request), pairs, body):
            return forbidden(self._name, why)
        return dict(pairs)

    def _address(self, connection: HTTPConnection, scheme: str = "https") -> str:
        query = connection.url.query
        path = connection.url.path + (f"?{query}" if query else "")
        return self._desk.public(connection, path, scheme)

    def _line(self, sid: str, orders: str) -> RestLine | None:
        provider = self._provider
        if provider.api is None:
            return None

        def place(twiml: str) -> Mapping[str, str]:
            if provider.inline:
                return {"Twiml": twiml}
            word = self._desk.issue(CallerJoined(called=twiml))
            return {"Url": f"{orders}?{ORDER}={word}", "Method": "POST"}

        section = provider.section
        return RestLine(provider.api, sid, place, section.targets, ends=not section.after)

    def _connect(self, request: Request, ticket: str) -> str:
        attributes = {
            "url": self._desk.public(request, self._media, "wss"),
            "statusCallback": self._desk.public(request, f"/{self._name}/status"),
            **self._provider.attributes,
        }
        stream = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
        after = self._provider.section.after
        action = f" action={quoteattr(after)}" if after else ""
        return (
            f"<Response><Connect{action}><Stream{stream}>"
            f'<Parameter name="ticket" value="{ticket}"/></Stream></Connect></Response>'
        )


def _known(
    fields: Mapping[str, str], given: Mapping[str, str], order: CallerJoined | None
) -> CallerJoined:
    """What is known of a call: by the webhook's address, by the provider, by whoever began it."""
    metadata = dict(given)
    metadata |= {name: fields[said] for said, name in TOLD.items() if fields.get(said)}
    metadata |= {name: value for name, value in fields.items() if name.startswith(SIP_HEADER)}
    if order is None:
        return CallerJoined(fields.get("From", ""), called=fields.get("To", ""), metadata=metadata)
    metadata |= {name: value for name, value in order.metadata.items() if name != ANSWERING}
    return CallerJoined(order.address, called=order.called, metadata=metadata)


def _machine_unwanted(known: CallerJoined, order: CallerJoined | None) -> bool:
    wanted = order is None or order.metadata.get(ANSWERING) != "hang_up"
    return not wanted and known.metadata.get("answered_by", "").startswith(MACHINES)


def _twiml(document: str) -> Response:
    return Response(document, media_type="text/xml")
