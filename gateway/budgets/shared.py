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

if TYPE_CHECKING:
    from redis.asyncio import Redis

PREFIX = "trunkline:budget:"
LEASE_MS = 30_000  # for which a call holds what it has set aside
COUNTED_MS = 86_400_000  # for which it is known what of a call is counted
FAILURES = (RedisError, OSError, TimeoutError)

# KEYS: the accounts, and last what is counted of the call. ARGV: the call, what the gateway knows
# to be counted, spent, upto, how long it holds, how long the last key is kept; then for each
# account its limit, what it begins with (-1: not known), and how long it is kept. Sums stay below
# 2^53.
CLAIM = """
local call, held_ms, now = 'h:' .. ARGV[1], tonumber(ARGV[5]), redis.call('TIME')
local at = now[1] * 1000 + math.floor(now[2] / 1000)
local accounts = #KEYS - 1
for i = 1, accounts do
  if ARGV[3 * i + 5] == '-1' and redis.call('HEXISTS', KEYS[i], 'spent') == 0 then
    return {'unknown'}
  end
end
local whole = function(number) return string.format('%.0f', number) end
local counted = math.max(tonumber(ARGV[2]), tonumber(redis.call('GET', KEYS[#KEYS]) or '0'))
local spent = tonumber(ARGV[3])
local room = math.max(0, tonumber(ARGV[4]) - spent)
local answer = {'granted', ''}
for i = 1, accounts do
  redis.call('HSETNX', KEYS[i], 'spent', ARGV[3 * i + 5])
  local fresh = whole(math.max(0, spent - counted))
  local left = tonumber(ARGV[3 * i + 4]) - redis.call('HINCRBY', KEYS[i], 'spent', fresh)
  local all = redis.call('HGETALL', KEYS[i])
  for j = 1, #all, 2 do
    if all[j] ~= 'spent' and all[j] ~= call then
      local amount, ends = string.match(all[j + 1], '(%d+):(%d+)')
      if tonumber(ends) > at then left = left - tonumber(amount)
      else redis.call('HDEL', KEYS[i], all[j]) end
    elseif all[j] == 'spent' then answer[#answer + 1] = all[j + 1] end
  end
  room = math.min(room, math.max(0, left))
  redis.call('PEXPIRE', KEYS[i], ARGV[3 * i + 6])
end
for i = 1, accounts do
  if room > 0 then redis.call('HSET', KEYS[i], call, whole(room) .. ':' .. whole(at + held_ms))
  else redis.call('HDEL', KEYS[i], call) end
end
redis.call('SET', KEYS[#KEYS], whole(math.max(spent, counted)), 'PX', ARGV[6])
answer[2] = whole(spent + room)
return answer
"""


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
