"""Funds: the money that is set aside for a call from the budgets that others spend, too.

It is asked for when the caller begins to speak, so that it is there when the answer is due, and
again in the middle of a long answer while there is enough left. What was not used is given back as
soon as nobody waits for an answer. All sums are nanodollars of the whole call, so that an order
that is lost, or carried out twice, does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.call.effects import Reserve
from gateway.call.events import Reserved


class Funds:
    """What one call may come to, as far as has been granted."""

    def __init__(self) -> None:
        self.gone = False  # nothing is left for the answer that is expected
        self.caller_percent = self.tenant_percent = 0
        self._asked: Reserve | None = None  # and not answered yet
        self._number = 0
        self._upto = 0
        self._told = 0  # what was said to be spent
        self._short = False  # less was granted than was asked for

    def granted(self, event: Reserved) -> None:
        """An order is answered."""
        if self._asked is None or event.number != self._asked.number:
            return
        asked, self._asked = self._asked, None
        self._upto, self._short = event.upto, event.upto < asked.upto
        self.caller_percent, self.tenant_percent = event.caller_percent, event.tenant_percent
        self.gone = self.gone or (asked.upto > asked.spent and event.upto <= asked.spent)

    def suffices(self, spent: int, ahead: int) -> bool:
        """Whether an answer may be asked for: it is paid for, or by all that there is."""
        return self._upto - spent >= ahead or (self._short and self._upto > spent)

    def expect(self, spent: int, ahead: int) -> Iterator[Reserve]:
        """An answer is coming that may cost so much."""
        if not (self.gone or self.suffices(spent, ahead)):
            yield from self._ask(spent, spent + ahead + ahead // 2)

    def prolong(self, spent: int, more: int) -> Iterator[Reserve]:
        """An answer is being made; have so much more ready for it, unless there is no more."""
        if not self._short and self._upto - spent < more * 3 // 4:
            yield from self._ask(spent, spent + more + more // 2)

    def used_up(self, spent: int) -> bool:
        """Whether all that was granted is spent, so that not even a word more is paid for."""
        return spent >= self._upto

    def rest(self, spent: int) -> Iterator[Reserve]:
        """Nobody waits for an answer: say what was spent, and give the rest back."""
        self.gone = False  # for the next one it is asked again
        if self._asked is None and (self._upto > spent or self._told != spent):
            self._upto = spent  # from now on, whenever that is heard of
            yield from self._ask(spent, spent)

    def finish(self, spent: int) -> Iterator[Reserve]:
        """The call is over."""
        under_way, self._asked = self._asked is not None, None
        if under_way:
            yield from self._ask(spent, spent)
        else:
            yield from self.rest(spent)

    def _ask(self, spent: int, upto: int) -> Iterator[Reserve]:
        if self._asked is None:
            self._number, self._told = self._number + 1, spent
            self._asked = Reserve(self._number, spent, upto)
            yield self._asked
