"""Audience: the taps of one call, each told of the kinds of events and effects that it looks at."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress

from gateway.call.effects import Effect
from gateway.call.events import Event
from gateway.log import fault_of_ours, name_of
from gateway.seams import Tap

log = logging.getLogger(__name__)


class Looking(dict[type, tuple[Tap, ...]]):
    """Which of some taps look at each kind that has come."""

    def __init__(self, taps: tuple[Tap, ...]) -> None:
        self.taps = taps

    def __missing__(self, kind: type) -> tuple[Tap, ...]:
        looking = tuple([tap for tap in self.taps if _looks_at(tap, kind)])
        same = (known for known in self.values() if known == looking)
        looking = self[kind] = next(same, looking)  # there are few of them, and many kinds
        return looking


class Audience:
    """Who watches one call. A tap that fails is let go; the call does not notice."""

    def __init__(self, taps: Iterable[Tap]) -> None:
        self._looking = Looking(tuple(taps))

    def attach(self, tap: Tap) -> None:
        """Let somebody watch from here on; to stop, `detach`."""
        self._looking = Looking((*self._looking.taps, tap))

    def detach(self, tap: Tap) -> None:
        """Nobody watches any more."""
        self._looking = Looking(tuple(one for one in self._looking.taps if one is not tap))

    def event(self, event: Event, now: int) -> None:
        """An event is about to be handled."""
        for tap in self._looking[type(event)]:
            try:
                tap.event(event, now)
            except Exception as error:
                self._let_go(tap, error)

    def effect(self, effect: Effect, now: int) -> None:
        """An effect is about to be carried out."""
        for tap in self._looking[type(effect)]:
            try:
                tap.effect(effect, now)
            except Exception as error:
                self._let_go(tap, error)

    def close(self) -> None:
        """The call is over."""
        for tap in self._looking.taps:
            try:
                tap.close()
            except Exception as error:
                self._let_go(tap, error)

    def _let_go(self, tap: Tap, error: Exception) -> None:
        fields = {"tap": name_of(tap), "error": str(error)}
        log.error("a tap failed and is let go", extra=fields, exc_info=fault_of_ours(error))
        self.detach(tap)
        with suppress(Exception):
            tap.close()


def _looks_at(tap: Tap, kind: type) -> bool:
    kinds: frozenset[type] | None = getattr(tap, "kinds", None)
    return kinds is None or kind in kinds
