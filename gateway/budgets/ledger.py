"""The ledger: accounts with what was spent and what is set aside, changed by one step at a time.

A claim says what a call has spent in all, and to how much it wants to come. In one step the ledger
counts what is new, and sets the rest aside in each of the call's accounts, or as much of it as the
fullest one has left. Said twice, a claim counts once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.budgets.accounts import Account
from gateway.errors import TrunklineError

REMEMBERED = 50_000  # accounts, and calls


class LedgerAwayError(TrunklineError):
    """The ledger cannot be reached."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a call has spent and may come to; nanodollars, in all since it began."""

    call_id: str
    counted: int  # of that, what the ledger is known to have counted
    spent: int
    upto: int


@dataclass(frozen=True, slots=True)
class Grant:
    """The call may come to so much; where that is what it has spent, nothing is left."""

    upto: int
    spent: tuple[int, ...]  # of each account, by all calls
    counted: bool = True  # whether what the call has spent is counted for good


SpentBefore = Callable[[Account], Awaitable[int]]


class Ledger(Protocol):
    """Where accounts are kept."""

    async def claim(self, accounts: Sequence[Account], claim: Claim) -> Grant:
        """Count what was spent and set the rest aside. Raises LedgerAwayError."""
        ...

    async def look(self, accounts: Sequence[Account]) -> list[tuple[int, int]]:
        """Spent and set aside, of each. Raises LedgerAwayError."""
        ...


@dataclass(slots=True)
class _Sum:
    spent: int
    held: dict[str, int] = field(default_factory=dict)  # by call


@dataclass(slots=True)
class _Call:
    counted: int = 0
    sums: tuple[_Sum, ...] = ()  # in which it may hold something


class MemoryLedger:
    """For one gateway alone. `before`: what the books know of an account that is new here."""

    def __init__(self, before: SpentBefore) -> None:
        self._before = before
        self._sums: OrderedDict[str, _Sum] = OrderedDict()  # by account
        self._calls: OrderedDict[str, _Call] = OrderedDict()

    async def claim(self, accounts: Sequence[Account], claim: Claim) -> Grant:
        """Count what was spent and set the rest aside."""
        sums = tuple([await self._sum(account) for account in accounts])
        # From here on nothing waits, so that no other claim comes between.
        call = self._call(claim.call_id)
        counted = max(claim.counted, call.counted)
        fresh = max(0, claim.spent - counted)
        room = max(0, claim.upto - claim.spent)
        for kept in call.sums:  # of yesterday, too
            kept.held.pop(claim.call_id, None)
        for account, kept in zip(accounts, sums, strict=True):
            kept.spent += fresh
            room = min(room, max(0, account.limit - kept.spent - sum(kept.held.values())))
        if room:
            for kept in sums:
                kept.held[claim.call_id] = room
        call.counted, call.sums = max(counted, claim.spent), sums if room else ()
        return Grant(claim.spent + room, tuple(kept.spent for kept in sums))

    async def look(self, accounts: Sequence[Account]) -> list[tuple[int, int]]:
        """Spent and set aside, of each."""
        return [await self._look(account) for account in accounts]

    async def _look(self, account: Account) -> tuple[int, int]:
        if (kept := self._sums.get(account.name)) is None:
            return await self._before(account), 0
        return kept.spent, sum(kept.held.values())

    def _call(self, call_id: str) -> _Call:
        call = self._calls.setdefault(call_id, _Call())
        self._calls.move_to_end(call_id)
        if len(self._calls) > REMEMBERED:
            oldest = next(iter(self._calls))
            if not self._calls[oldest].sums:
                del self._calls[oldest]
        return call

    async def _sum(self, account: Account) -> _Sum:
        name = account.name
        if name not in self._sums:
            before = await self._before(account)
            self._sums.setdefault(name, _Sum(before))
            self._trim(name)
        self._sums.move_to_end(name)
        return self._sums[name]

    def _trim(self, new: str) -> None:
        """Let go what was not asked for in the longest time; the books know it, if it comes."""
        if len(self._sums) <= REMEMBERED:
            return
        for name, kept in self._sums.items():
            if not kept.held and name != new:
                del self._sums[name]
                return
