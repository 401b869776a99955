"""The ledger that several gateways share, in Redis, where each claim is one script.

What a call has set aside stands in the account for a while only, and has to be claimed again before
that is over: a gateway that dies gives back what its calls held. Redis measures the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from gateway.budgets.accounts import KEPT, Account
from gateway.budgets.ledger import Claim, Grant, LedgerAwayError, SpentBefore
from gateway.budgets.script import CLAIM

if TYPE_CHECKING:
    from redis.asyncio import Redis

PREFIX = "trunkline:budget:"
LEASE_MS = 30_000  # for which a call holds what it has set aside
COUNTED_MS = 86_400_000  # for which it is known what of a call is counted
FAILURES = (RedisError, OSError, TimeoutError)


class SharedLedger:
    """For all gateways of one Redis. `before`: what the books know of an account that is new."""

    def __init__(self, redis: Redis, before: SpentBefore, *, lease_ms: int = LEASE_MS) -> None:
        self._redis = redis
        self._before = before
        self._lease = lease_ms
        self._claim = redis.register_script(CLAIM)

    async def claim(self, accounts: Sequence[Account], claim: Claim) -> Grant:
        """Count what was spent and set the rest aside. Raises LedgerAwayError."""
        answer = await self._run(accounts, claim, [-1] * len(accounts))
        if answer[0] == b"unknown":
            known = [await self._before(account) for account in accounts]
            answer = await self._run(accounts, claim, known)
        return Grant(int(answer[1]), tuple(int(spent) for spent in answer[2:]))

    async def look(self, accounts: Sequence[Account]) -> list[tuple[int, int]]:
        """Spent and set aside, of each. Raises LedgerAwayError."""
        found = []
        try:
            seconds, micros = await self._redis.time()
            for account in accounts:
                rows = await self._redis.hgetall(PREFIX + account.name)
                found.append(_held(rows, seconds * 1000 + micros // 1000))
        except FAILURES as error:
            raise LedgerAwayError(_why(error)) from error
        return [
            (await self._before(account) if spent is None else spent, held)
            for account, (spent, held) in zip(accounts, found, strict=True)
        ]

    async def _run(self, accounts: Sequence[Account], claim: Claim, known: list[int]) -> list[Any]:
        tenant = accounts[0].name.partition(":")[0]
        keys = [PREFIX + account.name for account in accounts]
        sums = (claim.counted, claim.spent, claim.upto)
        values: list[str | int] = [claim.call_id, *sums, self._lease, COUNTED_MS]
        for account, spent in zip(accounts, known, strict=True):
            values += [account.limit, spent, KEPT[account.period.span] * 1000]
        try:
            answer: list[Any] = await self._claim(
                keys=[*keys, f"{PREFIX}{tenant}:call:{claim.call_id}"], args=values
            )
        except FAILURES as error:
            raise LedgerAwayError(_why(error)) from error
        return answer


def _held(rows: dict[Any, Any], now_ms: int) -> tuple[int | None, int]:
    held = 0
    for name, value in rows.items():
        if name != b"spent":
            amount, _, ends = value.partition(b":")
            held += int(amount) if int(ends) > now_ms else 0
    spent = rows.get(b"spent")
    return None if spent is None else int(spent), held


def _why(error: Exception) -> str:
    return f"Redis does not answer: {str(error)[:200] or type(error).__name__}"
