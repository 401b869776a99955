"""Calls over WebRTC: an offer comes over HTTP, its answer goes back, and so the call begins.

`POST /v1/realtime/calls` takes an offer as a Realtime client makes it; the page makes the same with
`?channel=trunkline`. An offer to a call's own address gives a call whose line broke another line.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.admission.access import PLACE, RefusedError
from gateway.call.events import HangUpOrdered
from gateway.callers.patient import PatientLeg
from gateway.doors.rtc_offers import (
    REALTIME,
    Entry,
    House,
    ProblemError,
    channel_of,
    is_able,
    offer_of,
    page_entry,
    realtime_entry,
    too_busy,
    visitor,
)
from gateway.identity.who import Identity
from gateway.log import calling
from gateway.session import Session
from gateway.switchboard import BusyError

if TYPE_CHECKING:
    from gateway.callers.webrtc.ice import IceSettings
    from gateway.callers.webrtc.leg import WebRtcLeg

log = logging.getLogger(__name__)

PATH = "/v1/realtime/calls"
LEG = "gateway.callers.webrtc.leg"


@dataclass(frozen=True, slots=True)
class Live:
    """A call whose line may be replaced."""

    entry: Entry
    leg: PatientLeg
    session: Session


class RtcDoor:
    """The way in over WebRTC, and the calls that came that way."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._live: dict[str, Live] = {}  # by the id that the caller knows
        self._tasks: set[asyncio.Task[str]] = set()

    def routes(self) -> list[BaseRoute]:
        """All its addresses."""
        one = PATH + "/{rtc_id}"
        doors = {
            PATH: self._call,
            one: self._call_again,
            one + "/hangup": self._hang_up,
            one + "/accept": self._accept,
            one + "/reject": self._reject,
            one + "/refer": self._refer,
        }
        posts = [Route(path, self._guarded(door), methods=["POST"]) for path, door in doors.items()]
        ice = Route("/v1/realtime/ice_servers", self._guarded(self._ice_servers), methods=["GET"])
        preflight = [Route(path, self._preflight, methods=["OPTIONS"]) for path in doors]
        return [*posts, ice, *preflight]

    def find(self, rtc_id: str) -> Session | None:
        """The live call that a caller knows by this id."""
        live = self._live.get(rtc_id)
        return live.session if live else None

    # ------------------------------------------------------------ requests

    def _guarded(self, door: Callable[..., object]) -> Callable[..., object]:
        """Whoever may not come in is told why, and so is who asks for what cannot be."""

        async def answer(request: Request) -> Response:
            try:
                if door != self._call:
                    request.state.who = await self._admit(request)
                response: Response = await door(request)  # type: ignore[misc]
            except ProblemError as problem:
                response = problem.response()
            return self._shared(request, response)

        return answer

    async def _admit(self, request: Request) -> Identity:
        try:
            return await self._house.access.admit(request, PLACE)
        except RefusedError as refused:
            raise ProblemError(refused.status, "not_allowed", str(refused)) from refused

    async def _preflight(self, request: Request) -> Response:
        response = self._shared(request, Response(status_code=204))
        if "access-control-allow-origin" in response.headers:
            response.headers["access-control-allow-methods"] = "POST"
            response.headers["access-control-allow-headers"] = "authorization, content-type"
        return response

    def _shared(self, request: Request, response: Response) -> Response:
        """Pages of our own at other addresses may read the answer, and where the call is."""
        origin = request.headers.get("origin", "")
        if origin.lower() in self._house.settings.server.origins:
            response.headers["access-control-allow-origin"] = origin
            response.headers["access-control-expose-headers"] = "Location"
            response.headers["vary"] = "Origin"
        return response

    async def _call(self, request: Request) -> Response:
        """A caller offers a connection, and a call begins."""
        async with AsyncExitStack() as held:
            return await self._begin(request, held)

    async def _begin(self, request: Request, held: AsyncExitStack) -> Response:
        """`held`: the call's place among all, which it takes over when it begins."""
        channel = request.query_params.get("channel", REALTIME)
        if channel == REALTIME:
            who = await visitor(self._house, request)
            offer, session = await offer_of(request)
            entry = await realtime_entry(self._house, request, who, session, held)
        else:
            identity = await self._admit(request)
            offer, _ = await offer_of(request)
            entry = await page_entry(self._house, request, identity, channel, held)
        line, answer = await self._line(request, entry, offer)
        if why := self._house.switchboard.why_busy:  # in the meantime
            await line.abandon()
            raise too_busy(self._house.switchboard.turned_away(BusyError(why)))
        plan = entry.booking.plan
        leg = PatientLeg(line, entry.patience)
        live = Live(entry, leg, self._house.session(entry.booking, leg))
        with calling(plan.call_id):
            place = held.pop_all()
            task = asyncio.create_task(self._carry_in(live, place), name=f"call {plan.call_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return _created(answer, _known_as(live))

    async def _carry_in(self, live: Live, place: AsyncExitStack) -> str:
        async with place:
            return await self.carry(live)

    async def carry(self, live: Live) -> str:
        """Carry a call to its end; until then another line may come to it. Says why it ended."""
        rtc_id = _known_as(live)
        self._live[rtc_id] = live
        try:
            return await self._house.switchboard.connect(live.session)
        finally:
            del self._live[rtc_id]

    def live(self, rtc_id: str, who: Identity) -> Live | None:
        """The call that is known by this id, where it goes on and is theirs to see."""
        live = self._live.get(rtc_id)
        if live is None or live.leg.over:
            return None
        plan = live.session.plan
        return live if who.sees(plan.tenant) and who.speaks_for(plan.caller) else None

    async def _call_again(self, request: Request) -> Response:
        """A caller whose line broke offers another connection to the same call."""
        live = self._known(request)
        if not live.entry.patience:
            raise ProblemError(
                409, "call_not_resumable", "This call takes no other line; begin another call."
            )
        offer, _ = await offer_of(request)
        line, answer = await self._line(request, live.entry, offer)
        if live.leg.over:  # in the meantime
            await line.abandon()
            self._known(request)
        live.leg.attach(line)
        return _created(answer, request.path_params["rtc_id"])

    async def _hang_up(self, request: Request) -> Response:
        self._known(request).session.feed(HangUpOrdered("hung up by order", when_quiet=False))
        return Response()

    async def _accept(self, request: Request) -> Response:
        self._known(request)
        raise ProblemError(
            409, "call_already_accepted", "A call over WebRTC is accepted by its answer."
        )

    async def _reject(self, request: Request) -> Response:
        self._known(request)
        raise ProblemError(
            409, "call_already_accepted", "The call has been accepted; hang it up instead."
        )

    async def _refer(self, request: Request) -> Response:
        self._known(request)
        raise ProblemError(
            409, "refer_not_supported", "A browser cannot be put through; only telephones can."
        )

    async def _ice_servers(self, request: Request) -> Response:
        """What a browser's connection is to be given; no servers where there is no WebRTC."""
        told: dict[str, Any] = {"iceServers": None}
        if is_able(self._house.settings):
            from gateway.callers.webrtc.ice import for_page

            told = for_page(self._ice, "page", time.time())
        return JSONResponse(told, headers={"cache-control": "no-store"})

    def _known(self, request: Request) -> Live:
        live = self.live(request.path_params["rtc_id"], request.state.who)
        if live is None:
            raise ProblemError(404, "call_not_found", "There is no such call, or it has ended.")
        return live

    # ------------------------------------------------------------ lines

    async def _line(self, request: Request, entry: Entry, text: str) -> tuple[WebRtcLeg, str]:
        """One connection and the answer that makes it."""
        if LEG not in sys.modules:  # it brings much along, and live calls are not to wait for that
            await asyncio.to_thread(import_module, LEG)
        from gateway.callers.webrtc.leg import Limits, WebRtcLeg
        from gateway.callers.webrtc.peer import PeerError
        from gateway.callers.webrtc.sdp import SdpError, parse

        try:
            offer = parse(text)
        except SdpError as error:
            raise ProblemError(400, error.kind, str(error)) from error
        leg = WebRtcLeg(
            entry.dialect(),
            entry.booking.plan.format,
            self._ice,
            entry.label,
            channel_id=channel_of(request.query_params.get("dcid", "")),
            limits=Limits(connect=self._house.settings.webrtc.connect_s),
            joins=entry.joins,
            returns=entry.patience > 0,
        )
        try:
            return leg, await leg.answer(offer)
        except PeerError as error:
            await leg.abandon()
            raise ProblemError(500, "no_address", str(error)) from error

    @property
    def _ice(self) -> IceSettings:
        from gateway.callers.webrtc.ice import IceSettings
        from gateway.doors.entrance import LOOPBACK

        chosen, host = self._house.settings.webrtc, self._house.settings.server.host
        return IceSettings(
            servers=chosen.ice_servers,
            turn_user=chosen.turn_user,
            turn_password=chosen.turn_password,
            turn_secret=chosen.turn_secret,
            turn_seconds=chosen.turn_ttl_s,
            ports=chosen.port_range,
            public_address=chosen.public_address,
            loopback=host in LOOPBACK,
            relay_only=chosen.relay_only,
        )


def _known_as(live: Live) -> str:
    """The name of a call for its caller, in the way of the Realtime API."""
    return live.session.plan.call_id.replace("call_", "rtc_", 1)


def _created(answer: str, rtc_id: str) -> Response:
    where = {"Location": f"{PATH}/{rtc_id}", "cache-control": "no-store"}
    return Response(answer, 201, where, "application/sdp")
