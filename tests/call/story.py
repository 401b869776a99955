"""A story: one call told as events in virtual time, with the orders that it gave written down."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeVar

from audio.pcm import silence
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import Effect
from gateway.call.events import Event
from gateway.call.machine import Call
from gateway.call.plan import Plan
from tests.call.everybody import Everybody

FRAME_MS = 20
E = TypeVar("E")


@dataclass
class Story:
    """Drives a Call as a session would: events at their times, a Tick whenever it asks for one."""

    plan: Plan = field(default_factory=Plan)
    reports: bool = False
    connected: bool = True  # whether the way to the model is open from the start
    now: int = 0
    log: list[tuple[int, Effect]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.call = Call(self.plan)
        self.everybody = Everybody(self.plan)
        self.chapter = 0
        self.feed(on.CallerJoined(reports_playback=self.reports))
        if self.connected:
            self.feed(on.AssistantReady("sess_1", "model"))

    # ------------------------------------------------------------ time

    def feed(self, event: Event) -> list[Effect]:
        effects = self.call.handle(event, self.now)
        assert effects == self.everybody.handle(event, self.now), "who was not asked had a say"
        self.log += [(self.now, effect) for effect in effects]
        assert self.call.deadline is None or self.call.deadline > self.now
        return effects

    def wait(self, milliseconds: float) -> None:
        """Let time pass; the call is rung whenever it wants to be."""
        until = self.now + round(milliseconds * 1000)
        while (deadline := self.call.deadline) is not None and deadline <= until:
            self.now = deadline
            self.feed(on.Tick())
        self.now = until

    # ------------------------------------------------------------ the caller

    def frames(self, milliseconds: int, *, voiced: bool) -> None:
        for _ in range(milliseconds // FRAME_MS):
            self.wait(FRAME_MS)
            self.feed(on.CallerAudio(silence(self.plan.rate // 50), voiced))

    def speaks(self, milliseconds: int) -> None:
        self.frames(milliseconds, voiced=True)

    def silent(self, milliseconds: int) -> None:
        self.frames(milliseconds, voiced=False)

    def says(self, milliseconds: int) -> None:
        """A whole turn: speech, and the silence that ends it."""
        self.speaks(milliseconds)
        self.silent(400)

    # ------------------------------------------------------------ the assistant

    def begins(self, response: str = "resp_1") -> None:
        self.feed(on.ResponseStarted(response))

    def voice(self, milliseconds: int, item: str = "item_a", response: str = "resp_1") -> None:
        pcm = b"\x01\x00" * (self.plan.rate * milliseconds // 1000)
        self.feed(on.AssistantAudio(response, item, pcm))

    def words(self, text: str, item: str = "item_a", response: str = "resp_1") -> None:
        self.feed(on.AssistantWords(response, item, text))

    def ends(
        self,
        response: str = "resp_1",
        status: on.ResponseStatus = "completed",
        calls: tuple[on.ToolCall, ...] = (),
        reason: str = "",
    ) -> None:
        self.feed(on.ResponseEnded(response, status, reason, calls))

    def answers(
        self, milliseconds: int, text: str = "", item: str = "item_a", response: str = "resp_1"
    ) -> None:
        """A whole answer, which arrives at once, as models send it: faster than it is heard."""
        self.begins(response)
        if text:
            self.words(text, item, response)
        self.voice(milliseconds, item, response)
        self.feed(on.ItemEnded(response, item))
        self.ends(response)

    # ------------------------------------------------------------ reading the log

    def all(self, kind: type[E]) -> list[E]:
        return [effect for _, effect in self.log if isinstance(effect, kind)]

    def times(self, kind: type[Effect]) -> list[float]:
        """When orders of that kind were given, in milliseconds."""
        return [at / 1000 for at, effect in self.log if isinstance(effect, kind)]

    def new(self) -> list[Effect]:
        """The orders since this was last asked."""
        effects = [effect for _, effect in self.log[self.chapter :]]
        self.chapter = len(self.log)
        return effects

    def state(self) -> str:
        states = self.all(do.ShowState)
        return states[-1].state if states else "listening"

    def lines(self) -> dict[str, do.ShowWords]:
        return {line.item_id: line for line in self.all(do.ShowWords)}

    def samples(self, kind: type[do.SendAudio] | type[do.Play]) -> int:
        return sum(len(effect.pcm) // 2 for effect in self.all(kind))


def plan(**turns: object) -> Plan:
    """The default plan, with another turn policy."""
    base = Plan()
    return replace(base, turns=replace(base.turns, **turns))  # type: ignore[arg-type]
