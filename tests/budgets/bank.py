"""What tests of ledgers share: accounts, claims, and books that say what was spent before."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.budgets.accounts import Account, Calendar
from gateway.budgets.ledger import Claim, LedgerAwayError

DAY = Calendar("UTC", lambda: 1_795_000_000.0).period("day")


def account(limit: int, tenant: str = "acme", caller: str = "") -> Account:
    return Account(tenant, caller, DAY, limit)


def claim(call: str, spent: int, upto: int, counted: int = 0) -> Claim:
    return Claim(call, counted, spent, upto)


@dataclass
class Books:
    """Says what was spent before, and may be away."""

    spent: dict[str, int] = field(default_factory=dict)  # by account
    away: bool = False
    asked: list[str] = field(default_factory=list)

    async def before(self, account: Account) -> int:
        if self.away:
            raise LedgerAwayError("the books are away")
        self.asked.append(account.name)
        return self.spent.get(account.name, 0)
