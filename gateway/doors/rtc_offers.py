"""Offers: what comes with a request for a call over WebRTC, and what the call is to be."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.admission.access import Access, address_of
from gateway.assistants.openai import endpoint
from gateway.call.effects import ToCaller
from gateway.call.events import CallerJoined
from gateway.callers.browser import SUBPROTOCOL, BrowserDialect, Greeting
from gateway.callers.dialect import Dialect
from gateway.callers.realtime import Offer as RealtimeOffer
from gateway.callers.realtime import RealtimeDialect
from gateway.doors.client_secrets import ClientSecrets
from gateway.doors.forms import is_form, parts
from gateway.doors.front_door import STATUSES, Visitor, admit
from gateway.errors import TrunklineError
from gateway.identity.who import Identity
from gateway.plans.planning import Booking
from gateway.protocol.reading import decoded
from gateway.protocol.wire import Json, Refused
from gateway.session import Leg, Session
from gateway.settings import Settings
from gateway.switchboard import RETRY_AFTER, BusyError, Switchboard

REALTIME = "oai-events"  # what Realtime clients call their data channel
LARGEST = 256 * 1024  # bytes of a request
NOT_INSTALLED = "WebRTC is not installed here; pip install 'trunkline[webrtc]', or use a WebSocket."


@dataclass(frozen=True, slots=True)
class Entry:
    """What a call over this door is to be, and a new dialect for each of its lines."""

    booking: Booking
    label: str  # of its data channel
    dialect: Callable[[], Dialect]
    joins: CallerJoined | None = None  # what to be there means; else the dialect says when
    patience: float = 0.0  # seconds that it waits for another line


class House(Protocol):
    """The gateway, as this door sees it."""

    @property
    def settings(self) -> Settings: ...
    @property
    def switchboard(self) -> Switchboard: ...
    def seat(self, who: Identity, address: str) -> AbstractAsyncContextManager[Booking]: ...
    @property
    def access(self) -> Access: ...
    @property
    def secrets(self) -> ClientSecrets: ...
    def greeting(self, booking: Booking) -> Greeting: ...
    def session(self, booking: Booking, leg: Leg[ToCaller]) -> Session: ...


class ProblemError(TrunklineError):
    """A request that is answered with an error, as the Realtime API writes it."""

    def __init__(self, status: int, code: str, message: str, busy: BusyError | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self._busy = status, code, busy

    def response(self) -> Response:
        """As JSON."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        kind = self._busy.kind if self._busy else kind
        error = {"message": str(self), "type": kind, "code": self.code, "param": None}
        again = RETRY_AFTER if self.status == 503 else None
        again = self._busy.headers if self._busy else again
        return JSONResponse({"error": error}, self.status, again)


def is_able(settings: Settings) -> bool:
    """Whether calls are taken over WebRTC."""
    return settings.webrtc.enabled and find_spec("aiortc") is not None


async def _booking(house: House, who: Identity, request: Request, held: AsyncExitStack) -> Booking:
    if not is_able(house.settings):
        raise ProblemError(501, "webrtc_not_available", NOT_INSTALLED)
    try:
        return await held.enter_async_context(house.seat(who, address_of(request)))
    except BusyError as busy:
        raise too_busy(busy) from busy


def too_busy(busy: BusyError) -> ProblemError:
    """The same, as HTTP says it."""
    return ProblemError(busy.status, busy.code, str(busy), busy)


async def page_entry(
    house: House, request: Request, who: Identity, channel: str, held: AsyncExitStack
) -> Entry:
    """What a call from the page is to be."""
    if channel != SUBPROTOCOL:
        raise ProblemError(
            400, "unknown_channel", f"Expected channel={SUBPROTOCOL}, and {channel[:40]!r} came"
        )
    booking = await _booking(house, who, request, held)
    greeting = house.greeting(booking)
    patience = house.settings.webrtc.return_s
    return Entry(booking, SUBPROTOCOL, lambda: BrowserDialect(greeting), patience=patience)


async def visitor(house: House, request: Request) -> Visitor:
    """A Realtime client, by its key or by the secret that a server got for it."""
    try:
        return await admit(request, house.access, house.secrets)
    except Refused as refused:
        status = STATUSES.get(refused.code, 403)
        raise ProblemError(status, refused.code, refused.message) from refused


async def realtime_entry(
    house: House, request: Request, who: Visitor, body: bytes, held: AsyncExitStack
) -> Entry:
    """What the call of a Realtime client is to be: its session is laid over the operator's."""
    session = {**(who.session or {}), **_session(body)}
    booking = await _booking(house, who.who, request, held)
    known = endpoint(booking.target).model
    model = session.get("model") or request.query_params.get("model") or known or "trunkline"
    try:
        offer = RealtimeOffer(booking.plan, str(model), session or None, media=False)
        dialect = RealtimeDialect(offer, secrets.token_hex(6))
    except Refused as refused:
        raise ProblemError(400, refused.code, refused.message) from refused
    plan = dialect.begin()
    joined = who.joined(request)
    plan = replace(plan, metadata={**plan.metadata, **joined.metadata})
    return Entry(replace(booking, plan=plan, via="webrtc"), REALTIME, lambda: dialect, joins=joined)


def channel_of(dcid: str) -> int | None:
    """The data channel that both sides know without opening it, where a request names one."""
    return int(dcid) if re.fullmatch("[0-9]{1,5}", dcid) and int(dcid) < 65_535 else None


def _session(body: bytes) -> Json:
    """What comes beside an offer. Raises ProblemError."""
    try:
        asked = decoded(body or b"{}")
    except Refused as refused:
        raise ProblemError(400, refused.code, f"session: {refused.message}") from refused
    if not isinstance(asked, dict):
        raise ProblemError(400, "invalid_json", "session: Expected a JSON object.")
    return asked


async def offer_of(request: Request) -> tuple[str, bytes]:
    """The offer, and the session that may come with it."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            raise ProblemError(413, "request_too_large", f"Expected at most {LARGEST} bytes.")
    kind = request.headers.get("content-type", "")
    if is_form(kind):
        form = parts(kind, body)
        body, session = form.get("sdp", b""), form.get("session", b"")
    elif kind.partition(";")[0].strip().lower() == "application/sdp":
        session = b""
    else:
        raise ProblemError(
            415,
            "unsupported_content_type",
            "Expected an SDP offer as application/sdp, or multipart/form-data with a part sdp and "
            f"perhaps a part session, and {kind[:60] or 'nothing named'} came.",
        )
    return body.decode("utf-8", "replace"), session
