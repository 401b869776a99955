"""Seams: what a session is made of, each part known by what it can do and not by what it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import Effect
from gateway.call.events import Event

Feed = Callable[[Event | bytes], None]  # what comes; the caller's sound as it is, of any length
Order = TypeVar("Order", contravariant=True)

SHOWN = frozenset({on.CallerJoined, on.CallerShowed, on.CallerAsked})  # to tools, of events


class Leg(Protocol[Order]):
    """One side of a call: carries the caller, or the assistant."""

    async def run(self, feed: Feed) -> None:
        """Live until the far end is gone or `close` was called; feed what comes from there."""
        ...

    def send(self, effect: Order) -> None:
        """Queue an order, in turn; never waits, never feeds."""
        ...

    def close(self, reason: str) -> None:
        """Say the rest, then let `run` return."""
        ...


class Model(Leg[do.ToAssistant], Protocol):
    """The assistant's side. Most of what it is sent is sound, and needs no order around it."""

    def hear(self, pcm: bytes) -> None:
        """As SendAudio orders it."""
        ...


class Tap(Protocol):
    """Watches events and effects, and never decides.

    One with `kinds`, a frozenset of their types or None, is told of no others.
    """

    def event(self, event: Event, now: int) -> None:
        """An event is about to be handled."""
        ...

    def effect(self, effect: Effect, now: int) -> None:
        """An effect is about to be carried out."""
        ...

    def close(self) -> None:
        """The call is over."""
        ...


class Checks(Protocol):
    """Looks at texts that the call's rules cannot judge by themselves."""

    async def run(self, order: do.Check) -> on.Checked:
        """What is said of a text. Never raises but for cancellation."""
        ...


class Tools(Protocol):
    """Runs function calls. What tools have to say beside their results, it feeds."""

    def begin(self, feed: Feed) -> None:
        """The call begins."""
        ...

    def see(self, event: Event) -> None:
        """Notice who the caller is, and what the caller shows: events of the kinds of `SHOWN`."""
        ...

    def prefetch(self, order: do.PrefetchTool) -> None:
        """Begin a function call that is still being written; never raises."""
        ...

    async def run(self, order: do.RunTool) -> on.ToolFinished:
        """The function's answer. Never raises but for cancellation."""
        ...

    def cancel(self, call_id: str) -> None:
        """What was begun early for this call is of no use."""
        ...

    def end(self) -> None:
        """The call is over."""
        ...


class Purse(Protocol):
    """Sets money aside for a call, from the budgets that it shares with others."""

    def begin(self, feed: Feed) -> None:
        """The call begins; what is granted is fed."""
        ...

    def send(self, order: do.Reserve) -> None:
        """Take an order; never waits, never feeds. The newest one counts."""
        ...

    def end(self) -> None:
        """The call is over: what is set aside goes back."""
        ...
