"""A purse: one claim at a time, the newest; renewed while it holds; given back at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field

import pytest

from gateway.budgets.accounts import Account, Calendar
from gateway.budgets.ledger import Claim, Grant, LedgerAwayError, MemoryLedger
from gateway.budgets.purse import RENEW, CallPurse
from gateway.call.effects import Reserve
from gateway.call.events import Event, Reserved
from tests.budgets.bank import Books
from tests.budgets.test_accounts import Wall


@dataclass
class Desk:
    """Two accounts of a tenant, by a clock that anybody may set."""

    wall: Wall = field(default_factory=lambda: Wall("2026-11-21T23:50"))
    away: bool = False
    claims: list[Claim] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(Books().before)
        self.calendar = Calendar("UTC", self.wall)

    def accounts(self, tenant: str, caller: str) -> list[Account]:
        day = self.calendar.period("day")
        return [Account(tenant, "", day, 100), Account(tenant, caller, day, 50)]

    async def claim(self, accounts: list[Account], claim: Claim) -> Grant:
        self.claims.append(claim)
        if self.away:
            raise LedgerAwayError("nobody there")
        return await self.ledger.claim(accounts, claim)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def wait_done(self) -> None:
        while self.tasks:
            await asyncio.wait(set(self.tasks))

    async def look(self) -> list[tuple[int, int]]:
        return await self.ledger.look(self.accounts("acme", "ada"))


class Scene:
    def __init__(self) -> None:
        self.desk = Desk()
        self.fed: list[Event] = []
        self.purse = CallPurse(self.desk, "call", "acme", "ada")
        self.purse.begin(self.fed.append)

    async def order(self, number: int, spent: int, upto: int) -> Event:
        self.purse.send(Reserve(number, spent, upto))
        await self.desk.wait_done()
        return self.fed[-1]


async def test_an_order_is_answered_with_how_full_the_budgets_are() -> None:
    scene = Scene()
    assert await scene.order(1, 0, 20) == Reserved(1, 20)
    assert await scene.order(2, 15, 90) == Reserved(2, 50, 30, 15)
    assert await scene.order(3, 40, 40) == Reserved(3, 40, 80, 40)
    assert await scene.desk.look() == [(40, 0), (40, 0)]


async def test_of_orders_that_come_at_once_the_newest_is_carried_out() -> None:
    scene = Scene()
    scene.purse.send(Reserve(1, 0, 10))
    scene.purse.send(Reserve(2, 0, 20))
    await scene.order(3, 0, 30)
    assert scene.fed == [Reserved(3, 30)]


async def test_what_a_call_holds_goes_back_when_it_ends_without_a_word() -> None:
    scene = Scene()
    await scene.order(1, 5, 30)
    scene.purse.end()
    await scene.desk.wait_done()
    assert await scene.desk.look() == [(5, 0), (5, 0)]
    assert len(scene.fed) == 1


@pytest.mark.virtual_clock
async def test_what_is_held_for_long_is_claimed_again_and_the_call_is_not_bothered() -> None:
    scene = Scene()
    await scene.order(1, 0, 30)
    await asyncio.sleep(2.5 * RENEW)
    assert [claim.upto for claim in scene.desk.claims] == [30, 30, 30]
    assert scene.fed == [Reserved(1, 30)]
    await scene.order(2, 30, 30)
    await asyncio.sleep(5 * RENEW)
    assert len(scene.desk.claims) == 4
    scene.purse.end()


async def test_where_the_ledger_is_away_nothing_is_granted_and_what_was_spent_is_said_later() -> (
    None
):
    scene = Scene()
    scene.desk.away = True
    assert await scene.order(1, 7, 20) == Reserved(1, 7)
    scene.desk.away = False
    await scene.order(2, 9, 9)
    assert await scene.desk.look() == [(9, 0), (9, 0)]


async def test_a_clock_that_jumps_over_midnight_empties_no_budget_and_refills_none() -> None:
    scene = Scene()
    await scene.order(1, 45, 45)
    scene.desk.wall.set("2026-11-22T00:10")  # a minute or a mistake later
    assert await scene.order(2, 45, 99) == Reserved(2, 95)
    await scene.order(3, 75, 75)
    assert await scene.desk.look() == [(30, 0), (30, 0)]
    scene.desk.wall.set("2026-11-21T23:59")  # and back
    assert await scene.desk.look() == [(45, 0), (45, 0)]
    assert await scene.order(4, 75, 99) == Reserved(4, 80, 90, 45)
    scene.desk.wall.set("2036-01-01T00:00")
    assert await scene.order(5, 76, 76) == Reserved(5, 76, 2, 1)
    scene.desk.wall.set("2026-11-22T00:10")
    assert await scene.desk.look() == [(30, 0), (30, 0)]
