"""Witnesses: the parts of a call that look at what happens and at what is ordered, kind by kind.

Most kinds concern none of them, or one: nobody is asked about the others.
"""

from __future__ import annotations

from gateway.call.consent import SEEN, Consent
from gateway.call.effects import Effect
from gateway.call.events import Event
from gateway.call.spending import Spending
from gateway.call.upstream import Upstream


class Witnesses:
    """Of one call."""

    def __init__(self, spending: Spending, consent: Consent, upstream: Upstream) -> None:
        self._spending = spending
        self._consent = consent
        self._upstream = upstream
        self.kinds = spending.sees | SEEN  # of events, and of orders beside those of `upstream`

    def see(self, what: Event | Effect, now: int) -> None:
        """An event is about to be handled, of those of `kinds`."""
        kind = type(what)
        if kind in self._spending.sees:
            self._spending.see(what)
        if self._consent.questions and kind in SEEN:
            self._consent.see(what, now)

    def effect(self, effect: Effect, now: int) -> None:
        """An order is given."""
        kind = type(effect)
        if kind in self.kinds:
            self.see(effect, now)
        if kind in self._upstream.sees:
            self._upstream.see(effect, now)
