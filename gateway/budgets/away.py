"""While Redis is away each gateway goes by what it last knew, and spends an allowance at most.

What is spent meanwhile is counted in Redis once it is back. So budgets are overspent by no more
than the allowance times the number of gateways, and no call is lost for a moment without Redis.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from gateway.budgets.accounts import UNLIMITED, Account
from gateway.budgets.ledger import (
    Claim,
    Grant,
    Ledger,
    LedgerAwayError,
    MemoryLedger,
    SpentBefore,
)

log = logging.getLogger(__name__)

SECONDS = 2.0  # that a claim may take
REMEMBERED = 10_000  # accounts, and calls that owe something

Owed = tuple[Sequence[Account], Claim]


class PatientLedger:
    """A shared ledger, and what stands in for it. `allowance`: nanodollars for each account."""

    def __init__(self, shared: Ledger, before: SpentBefore, allowance: int) -> None:
        self._shared = shared
        self._before = before
        self.allowance = allowance
        self._known: OrderedDict[str, int] = OrderedDict()  # spent, as the shared ledger said last
        self._here: MemoryLedger | None = None  # while that is away
        self._owed: OrderedDict[str, Owed] = OrderedDict()  # what it has not counted yet, by call

    async def claim(self, accounts: Sequence[Account], claim: Claim) -> Grant:
        """Count what was spent and set the rest aside; here, while Redis is away."""
        if self._here is None:
            try:
                return await self._ask(accounts, claim)
            except LedgerAwayError as error:
                if self._here is None:
                    log.error("budgets go by what was last known", extra={"error": str(error)})
                    self._here = MemoryLedger(self._last_known)
        here = self._here
        capped = [replace(one, limit=await self._cap(one)) for one in accounts]
        self._owed[claim.call_id] = (accounts, claim)
        while len(self._owed) > REMEMBERED:
            self._owed.popitem(last=False)
        return replace(await here.claim(capped, claim), counted=False)

    async def look(self, accounts: Sequence[Account]) -> list[tuple[int, int]]:
        """Spent and set aside, of each. Raises LedgerAwayError."""
        return await self._shared.look(accounts)

    async def settle(self) -> None:
        """See whether Redis is back, and let it count what was spent meanwhile.

        To be called now and then: claims do not wait to find out. Raises LedgerAwayError.
        """
        if self._here is None:
            return
        for call_id, owed in list(self._owed.items()):
            await self._ask(*owed)
            if self._owed.get(call_id) is owed:  # and nothing was added meanwhile
                del self._owed[call_id]
        if not self._owed:
            self._here = None
            log.warning("budgets are kept in common again")

    async def _ask(self, accounts: Sequence[Account], claim: Claim) -> Grant:
        try:
            async with asyncio.timeout(SECONDS):
                grant = await self._shared.claim(accounts, claim)
        except TimeoutError as error:
            raise LedgerAwayError(f"no answer within {SECONDS:g} s") from error
        if self._here is None:
            for account, spent in zip(accounts, grant.spent, strict=True):
                self._known[account.name] = spent
                self._known.move_to_end(account.name)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return grant

    async def _last_known(self, account: Account) -> int:
        """Kept as it is meanwhile: what is spent here is booked, and must not raise it."""
        if account.name not in self._known:
            try:
                before = await self._before(account)
            except LedgerAwayError:
                before = 0
            self._known.setdefault(account.name, before)
        return self._known[account.name]

    async def _cap(self, account: Account) -> int:
        if account.limit == UNLIMITED:
            return UNLIMITED
        return min(account.limit, await self._last_known(account) + self.allowance)
