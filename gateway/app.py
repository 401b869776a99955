"""The composition root: which legs exist, which routes lead to them, how all begins and ends.

This is the only place that knows every part. `open_gateway` is a gateway from its first breath to
its last, in the running loop; `listening` is one that answers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from audio.container import Opus
from audio.detection import detector
from audio.format import Format, pcm16
from audio.pcm import AudioError, silence
from audio.vad import FRAMES_A_SECOND, Detector
from gateway.admission.access import Access, RefusedError
from gateway.admission.pressure import Pressure
from gateway.admission.quotas import Claim, Quota, TooManyError
from gateway.assistants.openai import endpoint, open_leg
from gateway.assistants.target import Target
from gateway.budgets.budgets import Budgets
from gateway.call.effects import ToCaller
from gateway.call.events import CallerJoined
from gateway.call.plan import Plan
from gateway.callers.bridge import Arrival, CallerLeg
from gateway.callers.browser import Greeting
from gateway.callers.patient import PatientLeg
from gateway.doors import page
from gateway.doors.client_secrets import ClientSecrets
from gateway.doors.front_door import FrontDoor
from gateway.doors.page_door import PageDoor
from gateway.doors.rtc import RtcDoor
from gateway.errors import WireError
from gateway.files import client_dir
from gateway.guarding.checking import CallChecks, Checker
from gateway.identity.who import Identity
from gateway.log import calling
from gateway.phrasebook import PhraseBook
from gateway.plans.planning import RATE, Booking, Planner, format_for
from gateway.privacy.custodian import Custodian
from gateway.running.groundwork import Groundwork
from gateway.running.standing import Standing
from gateway.seeing.showing import ShowingLeg
from gateway.session import Leg, Model, Session
from gateway.settings import Settings
from gateway.switchboard import RETRY_AFTER, BusyError, Switchboard
from gateway.taps.flushing import Flusher
from gateway.taps.metrics import Metrics
from gateway.toolbelt.runner import ToolRunner, specs
from gateway.toolbelt.sources import ToolLink
from gateway.watching import Watching
from tools.toolbox import Toolbox

if TYPE_CHECKING:
    from gateway.memory.keeping import Thread
    from gateway.store.store import Store

log = logging.getLogger(__name__)

BUSY = 1013  # close code: try again later


@dataclass(slots=True)
class Gateway:
    """Everything that the calls of one process share. Settings may be reloaded; see there."""

    settings: Settings
    target: Target
    toolbox: Toolbox
    switchboard: Switchboard
    metrics: Metrics
    access: Access = field(kw_only=True)
    embedded: str = ""  # where the embedded assistant listens, if it runs
    links: tuple[ToolLink, ...] = ()  # to the servers that some of the tools live on
    store: Store | None = None  # the books, where they are kept
    secrets: ClientSecrets = field(default_factory=ClientSecrets)
    flusher: Flusher = field(default_factory=Flusher)
    checker: Checker = field(default_factory=Checker)
    pressure: Pressure | None = None
    custodian: Custodian | None = None
    quota: Quota = field(default_factory=Quota)
    phrases: PhraseBook = field(default_factory=PhraseBook)
    standing: Standing = field(default_factory=Standing)  # memory and documents
    groundwork: Groundwork = field(default_factory=Groundwork)
    budgets: Budgets | None = None
    _own_name: str = field(default_factory=lambda: f"gw_{token_hex(6)}")

    def __post_init__(self) -> None:
        self.switchboard.on_refused = self._refused

    def _refused(self, busy: BusyError) -> None:
        """Who has as many calls as they may stands in the audit; a busy gateway does not."""
        if isinstance(busy, TooManyError):
            whose = busy.claim
            self.access.note_busy(whose.tenant, whose.caller or whose.address, str(busy))

    @property
    def name(self) -> str:
        """What other gateways know it by."""
        return self._own_name if self.store is None else self.store.gateway

    def routes(self) -> list[BaseRoute]:
        """Every way in."""
        calls = RtcDoor(self)
        return [
            *PageDoor(self, calls).routes(),
            *calls.routes(),
            *FrontDoor(self).routes(),
            Route("/healthz", self.health),
            Route("/readyz", self.readiness),
            Route("/metrics", self.metrics_page),
            *page.routes(client_dir()),
        ]

    # ------------------------------------------------------------ calls

    def page_booking(self, who: Identity) -> Booking:
        """What a call from the page is to be, of somebody who may call. Raises BusyError."""
        booking = self.planner.browser(self.switchboard.new_call_id(), specs(self.toolbox))
        tenant = self.access.place(who).tenant
        known = replace(booking.plan, tenant=tenant, caller=who.caller, credential=who.credential)
        known = replace(known, privacy=self.settings.privacy.policy(tenant))
        return replace(booking, plan=known, expires=who.expires)

    @asynccontextmanager
    async def seat(self, who: Identity, address: str) -> AsyncIterator[Booking]:
        """A place for such a call among all, as long as it lasts. Raises BusyError."""
        await self.groundwork.lay(pcm16(RATE), self.load)
        booking = self.page_booking(who)
        async with self._seat(booking, Claim(booking.plan.tenant, who.caller, address)):
            yield booking

    @asynccontextmanager
    async def _seat(self, booking: Booking, claim: Claim) -> AsyncIterator[None]:
        seated = False
        try:
            async with self.quota.seat(claim, self.settings.quotas, booking.plan.call_id):
                seated = True
                yield
        except BusyError as busy:
            if seated:
                raise
            raise self.switchboard.turned_away(busy) from None

    async def look(self, claim: Claim, counts: str = "") -> None:
        """See whether there is room for a call more. Raises BusyError, which is not counted.

        `counts`: what is given out for one, and may be had as often in a minute as calls.
        """
        if why := self.switchboard.why_busy:
            raise BusyError(why)
        await self.quota.look(claim, self.settings.quotas)
        if counts:
            await self.quota.count(claim, self.settings.quotas, counts)

    async def look_for(self, bridge: str, joined: CallerJoined) -> None:
        """The same, for one that a carrier is about to bring."""
        await self.look(Claim(self.planner.tenant(bridge, joined), joined.address))

    def greeting(self, booking: Booking) -> Greeting:
        """What the page is told of its call."""
        plan = booking.plan
        name, detector = self.assistant_name, plan.turns.detector
        return Greeting(plan.call_id, name, detector)

    async def arrive(self, arrival: Arrival, leg: CallerLeg) -> None:
        """A call over a bridge, from its first message to its end."""
        await self.groundwork.lay(arrival.format, self.load)
        try:
            call_id = self.switchboard.new_call_id()
            booking = self.planner.arrival(call_id, arrival, specs(self.toolbox))
            async with self._seat(booking, Claim(booking.plan.tenant, booking.plan.caller)):
                leg.fit(booking.plan.format)
                with calling(call_id):
                    await self.switchboard.connect(self.session(booking, leg, shows=False))
        except BusyError as busy:
            extra = {"bridge": arrival.bridge, "why": str(busy)}
            log.warning("a call was turned away", extra=extra)
            await leg.refuse(WireError(str(busy), BUSY))

    def load(self, wire: Format) -> None:
        """What a call from a wire in that format takes. What cannot be read, a call says."""
        call = format_for(wire, endpoint(self.target).capabilities)
        with suppress(AudioError):
            plan = self.planner.plain(call)
            if self.budgets is not None:
                self.budgets.fit(plan)
            open_leg(self.target, plan.format)
            self._detector(plan).voiced(silence(plan.rate // FRAMES_A_SECOND))
        settings = self.settings
        if settings.taps.recording and settings.privacy.recording_format == "opus":
            Opus(lambda _: None, RATE).close()

    def _detector(self, plan: Plan) -> Detector:
        second = None if self.settings.turns.second_opinion else False
        return detector(plan.rate, second_opinion=second)

    @property
    def planner(self) -> Planner:
        """Makes the plans of the calls."""
        return Planner(self.settings, self.target, self.embedded)

    def session(self, booking: Booking, leg: Leg[ToCaller], *, shows: bool = True) -> Session:
        """A call from that leg, which `shows` pictures or cannot, with all that watches it."""
        keeper = self.standing.keeper
        thread = keeper.thread(booking.plan, self.settings.memory) if keeper else None
        documents = self.standing.documents(booking.plan.tenant)
        known = thread is not None
        booking = self.phrases.lend(booking, self.settings, personal=known, documents=documents)
        if self.budgets is not None:
            booking = replace(booking, plan=self.budgets.fit(booking.plan))
        booking = booking.beginning(self.settings.auth.expired, time.time())
        plan = booking.plan
        watching = Watching(self.metrics, self.store, self.flusher, self.settings.privacy)
        taps = watching.taps(self.settings.taps, booking)
        taps += self.phrases.taps(booking, self.settings, documents)
        dial = partial(self._dial, booking, thread)
        full = self.metrics.overflows.labels
        if isinstance(leg, PatientLeg):
            leg.full = full("absent").inc
        return Session(
            plan,
            ShowingLeg(leg, plan.sees, full("pictures").inc) if shows else leg,
            dial(0),
            ToolRunner(self.toolbox, plan),
            self._detector(plan),
            [*taps, thread] if thread else taps,
            redial=dial,
            checks=CallChecks(self.checker, plan.guard, self.settings.guard.moderation),
            purse=self.budgets.purse(plan) if self.budgets is not None else None,
        )

    def _dial(self, booking: Booking, thread: Thread | None, assistant: int) -> Model:
        """A session for a call: with its own assistant (0), or with one that stands in."""
        if assistant:
            leg = booking.others[assistant - 1].leg(booking.plan)
        else:
            leg = open_leg(booking.target, booking.plan.format)
        return thread.leg(leg) if thread else leg

    @property
    def assistant_name(self) -> str:
        """Who answers, in a word for people."""
        model = endpoint(self.target).model
        return self.target.kind if self.target.kind == "embedded" else f"{self.target.kind} {model}"

    # ------------------------------------------------------------ for operators

    async def health(self, request: Request) -> Response:
        """The process lives."""
        return JSONResponse({"status": "ok"})

    async def readiness(self, request: Request) -> Response:
        """Another call would be let in."""
        board = self.switchboard
        ready = board.ready
        body = {"ready": ready, "calls": board.occupied, "assistant": self.assistant_name}
        if self.links:
            body["mcp"] = states = [asdict(link.status) for link in self.links]
            for state in () if await self.access.may(request, "metrics") else states:
                del state["reason"]  # it may tell of what lies behind: for operators only
        return JSONResponse(body) if ready else JSONResponse(body, 503, RETRY_AFTER)

    async def metrics_page(self, request: Request) -> Response:
        """The figures, for Prometheus."""
        try:
            await self.access.admit(request, "metrics")
        except RefusedError as refused:
            return PlainTextResponse(f"{refused}\n", refused.status)
        return Response(self.metrics.page(), media_type="text/plain; version=0.0.4")
