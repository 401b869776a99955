"""Callers that talk until their budget ends: the real core and the real purse, in virtual time.

Run as a program it is a gateway of a test, with some calls on a ledger in Redis; it says in JSON
what each answer cost, in nanodollars.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Coroutine
from dataclasses import dataclass, field

from redis.asyncio import Redis

from gateway.budgets.accounts import Account
from gateway.budgets.ledger import Claim, Grant, Ledger
from gateway.budgets.purse import CallPurse
from gateway.budgets.shared import SharedLedger
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import Effect
from gateway.call.plan import BudgetPolicy, Plan
from gateway.call.prices import Prices, Rate
from gateway.call.usage import Usage
from tests.budgets.bank import Books, account
from tests.call.story import Story

CENT = 10_000_000
PRICES = Prices(audio=Rate(output=CENT // 20))  # a cent for a second of the assistant's voice
LONGEST = 25  # seconds of an answer
PLAN = Plan(prices=PRICES, budget=BudgetPolicy(shared=True, told=False, last_notice=bytes(960)))


@dataclass
class OneBank:
    """One account, for everybody."""

    ledger: Ledger
    account: Account
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def accounts(self, tenant: str, caller: str) -> list[Account]:
        return [self.account]

    async def claim(self, accounts: list[Account], claim: Claim) -> Grant:
        return await self.ledger.claim(accounts, claim)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class Call(Story):
    """A call whose orders for money go to a purse."""

    purse: CallPurse

    def feed(self, event: on.Event) -> list[Effect]:
        effects = super().feed(event)
        for effect in effects:
            if isinstance(effect, do.Reserve):
                self.purse.send(effect)
        return effects

    async def wait_granted(self) -> None:
        while self.purse._working:
            await asyncio.sleep(0)


async def talk(bank: OneBank, name: str, chance: random.Random) -> list[int]:
    """One caller, until the money is gone."""
    call = Call.__new__(Call)
    call.purse = CallPurse(bank, name, "", "")
    call.__init__(PLAN)  # type: ignore[misc]  # feeds at once, and needs its purse before
    call.purse.begin(call.feed)
    costs: list[int] = []
    while not call.call.ended:
        call.says(500)
        await call.wait_granted()
        while any(isinstance(effect, do.Respond) for effect in call.new()):
            costs.append(await _answer(call, f"r{len(costs)}", chance.randint(1, LONGEST)))
            await call.wait_granted()
        call.wait(30_000)
        await call.wait_granted()
    call.purse.end()
    return costs


async def _answer(call: Call, name: str, seconds: int) -> int:
    """The model speaks, faster than orders for more are answered."""
    call.begins(name)
    spoken = 0
    while spoken < seconds and not any(isinstance(one, do.Cancel) for one in call.new()):
        call.voice(1000, f"item_{name}", name)
        spoken += 1
        await asyncio.sleep(0)
    usage = Usage(output_audio=20 * spoken)
    status: on.ResponseStatus = "completed" if spoken == seconds else "cancelled"
    call.feed(on.ResponseEnded(name, status, usage=usage))
    return PRICES.cost(usage)


async def talk_all(ledger: Ledger, mine: Account, calls: int, seed: str) -> list[list[int]]:
    """So many at once; what the answers of each cost."""
    bank = OneBank(ledger, mine)
    talks = (talk(bank, f"{seed}_{n}", random.Random(f"{seed}{n}")) for n in range(calls))
    costs = await asyncio.gather(*talks)
    while bank.tasks:
        await asyncio.wait(set(bank.tasks))
    return costs


async def main(url: str, limit: str, calls: str, seed: str) -> None:
    redis = Redis.from_url(url)
    try:
        ledger = SharedLedger(redis, Books().before)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        json.dump(await talk_all(ledger, account(int(limit)), int(calls), seed), sys.stdout)
    finally:
        await redis.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
