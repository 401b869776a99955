"""Planning: what a call is to be, from the settings and from what is known of the call."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from audio.format import Format, pcm16
from audio.pcm import AudioError
from gateway.announcements import (
    assistant_lost,
    budget_spent,
    not_that,
    one_moment,
    putting_through,
    still_here,
)
from gateway.assistants import catalogue
from gateway.assistants.capabilities import Capabilities
from gateway.assistants.openai import endpoint
from gateway.assistants.target import Target
from gateway.call.events import CallerJoined
from gateway.call.guard.rules import UNGUARDED
from gateway.call.plan import ExpiryPolicy, IdlePolicy, Plan, PlaybackPolicy, ToolSpec
from gateway.call.prices import FREE, Billed, OwnPrice, Prices
from gateway.callers.bridge import Arrival
from gateway.errors import SettingsError
from gateway.plans.recast import Role
from gateway.plans.routing import cast_of
from gateway.settings import Settings
from gateway.settings.auth import Expiry
from gateway.settings.lines import Line
from gateway.settings.routing import EMBEDDED
from gateway.settings.sections import Assistant

log = logging.getLogger(__name__)

RATE = 24_000  # Hz inside a browser's call: no leg of it resamples
LONGEST = 31 * 86_400.0  # seconds; no call lasts so long
HIGHEST = 24_000  # Hz inside any call: no model hears more


@dataclass(frozen=True, slots=True)
class Booking:
    """What a call is to be, and which model answers it."""

    plan: Plan
    target: Target
    via: str = ""  # the way in
    others: tuple[Role, ...] = ()  # who may answer in place of it, in the order of the plan
    expires: float = 0.0  # unix seconds, after which what let it in is good no more; 0: never

    def beginning(self, expired: Expiry, wall: float) -> Booking:
        """The same for a call that begins now: by its own clock, which never jumps."""
        left = self.expires - wall
        if not self.expires or expired == "go_on" or left > LONGEST:
            return self
        at = max(1, round(left * 1_000_000))
        policy = ExpiryPolicy(at, finish=expired == "finish")
        return replace(self, plan=replace(self.plan, expiry=policy))


def target_of(chosen: Assistant) -> Target:
    """Where an assistant of the settings is to be reached."""
    return Target(
        kind=chosen.kind,
        base_url=chosen.base_url,
        model=chosen.model,
        api_key=chosen.api_key,
        organization=chosen.organization,
        project=chosen.project,
        safety_identifier=chosen.safety_identifier,
        provider=chosen.provider,
        api_version=chosen.api_version,
        ca_file=chosen.ca_file,
        proxy=chosen.proxy,
    )


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes the plans of one gateway's calls. `embedded`: where the embedded assistant listens."""

    settings: Settings
    target: Target  # of [assistant]
    embedded: str = ""

    def check(self) -> None:
        """Raises SettingsError for an assistant that no call could reach, or that is not there."""
        endpoint(self.target)
        self._check_sounds()
        for name in self.settings.assistants:
            endpoint(self._named(name)[1])
        for where, name in self._names():
            if name not in (*self.settings.assistants, EMBEDDED):
                there = ", ".join((*sorted(self.settings.assistants), EMBEDDED))
                raise SettingsError(
                    f"{where} names {name!r}, and there is no [assistants.{name}]; "
                    f"there are: {there}"
                )
        for number, line in enumerate(self.settings.lines, start=1):
            if line.assistant and line.assistant not in self.settings.assistants:
                there = ", ".join(sorted(self.settings.assistants)) or "none"
                raise SettingsError(
                    f"lines: number {number} names the assistant {line.assistant!r}, and there is "
                    f"no [assistants.{line.assistant}]; there are: {there}"
                )

    def _check_sounds(self) -> None:
        budget = self.settings.budget
        for key, read, file in (
            ("recovery.hold_file", one_moment, self.settings.recovery.hold_file),
            ("budget.goodbye_sound", budget_spent, budget.goodbye_sound),
            ("budget.transfer_sound", putting_through, budget.transfer_sound),
        ):
            try:
                if file:
                    read(pcm16(RATE), file)
            except AudioError as error:
                raise SettingsError(f"{key}: {error}") from error

    def _names(self) -> Iterator[tuple[str, str]]:
        """Every assistant that is named to stand in for another, and where."""
        for name in self.settings.recovery.assistants:
            yield "recovery.assistants", name
        if cheaper := self.settings.routing.cheaper:
            yield "routing.cheaper", cheaper
        for number, route in enumerate(self.settings.routes, start=1):
            where = f"routes: number {number}"
            yield from ((where, one) for one in (route.assistant, route.answers) if one.strip("*"))

    def warn(self) -> None:
        """Say of which models nobody knows the price."""
        for chosen in (self.settings.assistant, *self.settings.assistants.values()):
            target = target_of(chosen)
            if prices(target, chosen.transcription, self._own).guessed:
                log.warning(
                    "the price of a model is not known; its calls count as the dearest would, "
                    "until [[budget.prices]] says what it costs",
                    extra={"model": endpoint(target).model, "transcription": chosen.transcription},
                )

    def plain(self, call: Format) -> Plan:
        """For a call in that format of which nothing else is known."""
        return self._plan("", self.settings.assistant, self.target, call, ())

    def browser(self, call_id: str, tools: tuple[ToolSpec, ...]) -> Booking:
        """For a call from the page."""
        plan = self._plan(call_id, self.settings.assistant, self.target, pcm16(RATE), tools)
        policy = self.settings.playback_policy()
        return self._cast(Booking(replace(plan, playback=policy), self.target, "browser"), "")

    def arrival(self, call_id: str, arrival: Arrival, tools: tuple[ToolSpec, ...]) -> Booking:
        """For a call over a bridge: the first line that fits it says what is different."""
        joined = arrival.joined
        line = self._line(arrival.bridge, joined.called, joined.address, joined.metadata)
        chosen, target = self._named(line.assistant)
        chosen = _changed(chosen, line)
        call = format_for(arrival.format, endpoint(target).capabilities)
        plan = self._plan(call_id, chosen, target, call, tools)
        known = {"bridge": arrival.bridge, "from": joined.address, "to": joined.called}
        metadata = {**joined.metadata, **{name: value for name, value in known.items() if value}}
        policy = PlaybackPolicy(arrival.lead, arrival.grain, arrival.frame)
        tenant = self._tenant(joined, line)
        privacy = self.settings.privacy.policy(tenant)
        own = {name: getattr(line, name) for name in ("recording", "transcripts")}
        privacy = replace(privacy, **{name: keep for name, keep in own.items() if keep})
        whose = replace(plan, tenant=tenant, caller=joined.address, privacy=privacy)
        plan = replace(whose, playback=policy, metadata=metadata)
        if arrival.mute:
            turns = replace(plan.turns, create_response=False)
            plan = replace(plan, turns=turns, tools=(), greeting="", lost_notice=b"")
            plan = replace(plan, idle=IdlePolicy(), guard=UNGUARDED)
            plan = replace(plan, privacy=plan.privacy.unasked)
        return self._cast(Booking(plan, target, arrival.bridge), line.assistant)

    def tenant(self, bridge: str, joined: CallerJoined) -> str:
        """Whose call over a bridge that is."""
        line = self._line(bridge, joined.called, joined.address, joined.metadata)
        return self._tenant(joined, line)

    def _tenant(self, joined: CallerJoined, line: Line) -> str:
        return joined.tenant or line.tenant or self.settings.auth.tenant

    def _cast(self, booking: Booking, own: str) -> Booking:
        """With all who may answer beside the call's own assistant."""
        cast = cast_of(self.settings, own, self._prices)
        others = tuple(map(self._stand_in, cast.names))
        billed = tuple(map(self._billed, others))
        plan = replace(booking.plan, routing=cast.policy, stand_ins=billed)
        return replace(booking, plan=plan, others=others)

    def _prices(self, name: str) -> Prices:
        role = self._stand_in(name)
        return prices(role.target, role.transcription, self._own)

    def _billed(self, role: Role) -> Billed:
        """A stand-in, as its provider bills it."""
        costs = prices(role.target, role.transcription, self._own)
        return Billed(endpoint(role.target).model, role.transcription, costs)

    @property
    def _own(self) -> tuple[OwnPrice, ...]:
        """The operator's prices of today."""
        return self.settings.budget.own_prices(date.today())

    def _stand_in(self, name: str) -> Role:
        transcription = catalogue.load().default_transcription
        if name == EMBEDDED and name not in self.settings.assistants:
            return Role(Target(kind="embedded", base_url=self.embedded), "", transcription)
        chosen, target = self._named(name)
        return Role(target, chosen.voice, chosen.transcription or transcription)

    def _line(self, bridge: str, called: str, caller: str, given: Mapping[str, str]) -> Line:
        fitting = (ln for ln in self.settings.lines if ln.fits(bridge, called, caller, given))
        return next(fitting, Line())

    def _named(self, name: str) -> tuple[Assistant, Target]:
        if not name:
            return self.settings.assistant, self.target
        chosen = self.settings.assistants[name]
        target = replace(target_of(chosen), section=f"assistants.{name}")
        if chosen.kind == "embedded" and not chosen.base_url:
            target = replace(target, base_url=self.embedded)
        return chosen, target

    def _plan(
        self,
        call_id: str,
        assistant: Assistant,
        target: Target,
        call: Format,
        tools: tuple[ToolSpec, ...],
    ) -> Plan:
        models = catalogue.load()
        costs = prices(target, assistant.transcription, self._own)
        able = endpoint(target).capabilities
        return Plan(
            call_id=call_id,
            sees=target.kind != "embedded" and able.images,
            rate=call.rate,
            encoding=call.encoding,
            instructions=assistant.instructions,
            window=self.settings.memory.window_tokens,
            voice=assistant.voice,
            language=assistant.language,
            transcription=assistant.transcription or models.default_transcription,
            greeting=assistant.greeting,
            tools=tools,
            turns=self.settings.turn_policy(),
            idle=self.settings.idle_policy(),
            tooling=self.settings.tools.policy(),
            audio_price=0.0 if costs.guessed else costs.audio.input / 1000,
            prices=costs,
            model=endpoint(target).model,
            budget=self.settings.budget.policy(),
            recovery=self.settings.recovery.policy(),
            hold_tone=still_here(call),
            hold_notice=one_moment(call, self.settings.recovery.hold_file),
            lost_notice=assistant_lost(call),
            guard=self.settings.guard.rules,
            guard_notice=not_that(call),
        )


def prices(target: Target, transcription: str, own: Sequence[OwnPrice] = ()) -> Prices:
    """What a call to that model costs; by the dearest of all where nobody knows."""
    if target.kind == "embedded":
        return FREE
    return catalogue.load().prices(endpoint(target).model, transcription, own)


def _changed(assistant: Assistant, line: Line) -> Assistant:
    """The assistant as it is to be on that line."""
    names = ("instructions", "voice", "language", "greeting")
    changes = {name: getattr(line, name) for name in names if getattr(line, name) is not None}
    return assistant.model_copy(update=changes)


def format_for(wire: Format, able: Capabilities) -> Format:
    """How a call carries audio, so that it is converted as seldom as can be.

    G.711 stays as it is where the model takes it; else the call has PCM16 at the wire's rate.
    """
    if wire.encoding in able.formats and wire.rate == 8_000:
        return wire
    return pcm16(min(wire.rate, HIGHEST))
