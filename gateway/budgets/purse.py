"""A purse: what one call claims of its budgets, beside the call, which goes on meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Protocol

from gateway.budgets.accounts import Account
from gateway.budgets.ledger import Claim, Grant, LedgerAwayError
from gateway.call.effects import Reserve
from gateway.call.events import Event, Reserved

log = logging.getLogger(__name__)

RENEW = 10.0  # seconds after which what is set aside is claimed again


class Bank(Protocol):
    """What a purse needs of the budgets."""

    def accounts(self, tenant: str, caller: str) -> list[Account]: ...
    async def claim(self, accounts: list[Account], claim: Claim) -> Grant: ...
    def spawn(self, work: Coroutine[None, None, None]) -> None: ...


class CallPurse:
    """Sends the newest order to the ledger, and feeds what was granted."""

    def __init__(self, bank: Bank, call_id: str, tenant: str, caller: str) -> None:
        self._bank = bank
        self._call_id = call_id
        self._whose = (tenant, caller)
        self._feed: Callable[[Event], None] | None = None
        self._order: Reserve | None = None  # not sent yet
        self._last = Reserve(0, 0, 0)
        self._answered = 0  # the number of the last order that the call was answered
        self._counted = 0  # nanodollars that the ledger has counted
        self._working = False
        self._renewal: asyncio.TimerHandle | None = None

    def begin(self, feed: Callable[[Event], None]) -> None:
        """The call begins; what is granted is fed."""
        self._feed = feed

    def send(self, order: Reserve) -> None:
        """Take an order; never waits, never feeds. The newest one counts."""
        self._order = order
        if not self._working:
            self._working = True
            self._bank.spawn(self._work())

    def end(self) -> None:
        """The call is over: what is set aside goes back."""
        self._feed = None
        if self._renewal is not None:
            self._renewal.cancel()
        newest = self._order or self._last
        if newest.upto > newest.spent:
            self.send(Reserve(newest.number + 1, newest.spent, newest.spent))

    async def _work(self) -> None:
        try:
            while (order := self._order) is not None:
                self._order, self._last = None, order
                reserved = await self._claim(order)
                if self._feed is None:
                    continue
                self._renew_later(reserved.upto > order.spent)
                if order.number > self._answered:
                    self._answered = order.number
                    self._feed(reserved)
        finally:
            self._working = False

    async def _claim(self, order: Reserve) -> Reserved:
        accounts = self._bank.accounts(*self._whose)
        claim = Claim(self._call_id, self._counted, order.spent, order.upto)
        try:
            grant = await self._bank.claim(accounts, claim)
        except LedgerAwayError as error:
            log.error("nothing can be set aside for an answer", extra={"error": str(error)})
            return Reserved(order.number, order.spent)
        except Exception:  # a call that waits for its money has to hear of it, whatever it is
            log.exception("nothing can be set aside for an answer")
            return Reserved(order.number, order.spent)
        if grant.counted:
            self._counted = order.spent
        caller = tenant = 0
        for account, spent in zip(accounts, grant.spent, strict=True):
            percent = spent * 100 // account.limit
            if account.caller:
                caller = max(caller, percent)
            else:
                tenant = max(tenant, percent)
        return Reserved(order.number, grant.upto, caller, tenant)

    def _renew_later(self, holds: bool) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None
        if holds:
            self._renewal = asyncio.get_running_loop().call_later(RENEW, self._renew)

    def _renew(self) -> None:
        """What is set aside is still needed; the call is not told again."""
        if self._order is None and not self._working:
            self.send(self._last)
