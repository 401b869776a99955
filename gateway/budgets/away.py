"""While Redis is away each gateway goes by what it last knew, and spends an allowance at most.

What is spent meanwhile is counted in Redis once it is back. So budgets are overspent by no more
than the allowance times the number of gateways, and no call is lost for a moment without Redis.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic

from gateway.budgets.accounts import Account
from gateway.budgets.ledger import (
    Claim,
    Grant,
    Ledger,
    LedgerAwayError,
    MemoryLedger,
    SpentBefore,
)

log = logging.getLogger(__name__)

AGAIN = 1.0  # seconds until Redis is asked again
REMEMBERED = 10_000  # accounts, and calls that owe something


class PatientLedger:
    """A shared ledger, and what stands in for it. `allowance`: nanodollars for each account."""

    def __init__(
        self,
        shared: Ledger,
        before: SpentBefore,
        allowance: int,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._shared = shared
        self._before = before
        self.allowance = allowance
        self._clock = clock
        self._known: OrderedDict[str, int] = OrderedDict()  # spent, when Redis said so last
        self._here: MemoryLedger | None = None  # while it is away
        self._ask_at = 0.0
        self._owed: OrderedDict[str, tuple[Sequence[Account], Claim]] = OrderedDict()

    async def claim(self, accounts: Sequence[Account], claim: Claim) -> Grant:
        """Count what was spent and set the rest aside; here, while Redis is away."""
        if self._here is None or self._clock() >= self._ask_at:
            try:
                return await self._ask(accounts, claim)
            except LedgerAwayError as error:
                self._lost(error)
        here = self._here
        assert here is not None
        capped = [replace(one, limit=await self._cap(one)) for one in accounts]
        grant = await here.claim(capped, claim)
        self._owed[claim.call_id] = (accounts, claim)
        while len(self._owed) > REMEMBERED:
            self._owed.popitem(last=False)
        return replace(grant, counted=False)

    async def look(self, accounts: Sequence[Account]) -> list[tuple[int, int]]:
        """Spent and set aside, of each. Raises LedgerAwayError."""
        return await self._shared.look(accounts)

    async def settle(self) -> None:
        """Let Redis know what was spent while it was away. Raises LedgerAwayError."""
        while self._owed:
            call_id, (accounts, claim) = next(iter(self._owed.items()))
            await self._shared.claim(accounts, replace(claim, upto=claim.spent))
            self._owed.pop(call_id, None)

    async def _ask(self, accounts: Sequence[Account], claim: Claim) -> Grant:
        grant = await self._shared.claim(accounts, claim)
        if self._here is not None:
            self._owed.pop(claim.call_id, None)
            await self.settle()
            log.warning("redis is back; what was spent meanwhile is counted")
            self._here = None
        for account, spent in zip(accounts, grant.spent, strict=True):
            self._known[account.name] = spent
            self._known.move_to_end(account.name)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return grant

    def _lost(self, error: LedgerAwayError) -> None:
        self._ask_at = self._clock() + AGAIN
        if self._here is None:
            log.error("budgets go by what was last known", extra={"error": str(error)})
            self._here = MemoryLedger(self._last_known)

    async def _last_known(self, account: Account) -> int:
        if (known := self._known.get(account.name)) is None:
            known = self._known[account.name] = await self._before(account)
        return known

    async def _cap(self, account: Account) -> int:
        return min(account.limit, await self._last_known(account) + self.allowance)
