"""While Redis is away: what was last known counts, an allowance is spent, and nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis

from gateway.budgets.accounts import UNLIMITED, Account
from gateway.budgets.away import PatientLedger
from gateway.budgets.ledger import Claim, Grant, LedgerAwayError, MemoryLedger
from gateway.budgets.shared import SharedLedger
from tests import services
from tests.budgets.bank import Books, account, claim


@dataclass
class Far:
    """A ledger that may be out of reach, or lose the answer to what it has done."""

    inside: MemoryLedger
    away: bool = False
    deaf: bool = False
    claims: list[Claim] = field(default_factory=list)

    async def claim(self, accounts: Sequence[Account], claim: Claim) -> Grant:
        self.claims.append(claim)
        if self.away:
            raise LedgerAwayError("nobody there")
        grant = await self.inside.claim(accounts, claim)
        if self.deaf:
            raise LedgerAwayError("no answer")
        return grant

    async def look(self, accounts: Sequence[Account]) -> list[tuple[int, int]]:
        return await self.inside.look(accounts)


class Scene:
    """A gateway that knows of 40 spent by others, of 100, and may spend 20 by itself."""

    def __init__(self) -> None:
        self.books = Books()
        self.mine = account(100)
        self.books.spent[self.mine.name] = 40
        self.far = Far(MemoryLedger(self.books.before))
        self.ledger = PatientLedger(self.far, self.books.before, 20)

    async def claim(self, call: str, spent: int, upto: int, counted: int = 0) -> Grant:
        return await self.ledger.claim([self.mine], claim(call, spent, upto, counted))

    async def back(self) -> None:
        self.far.away = self.far.deaf = False
        await self.ledger.settle()


async def test_calls_go_on_with_the_allowance_and_are_counted_afterwards() -> None:
    scene = Scene()
    grant = await scene.claim("a", 0, 10)
    assert grant.counted
    scene.far.away = True
    grant = await scene.claim("a", 8, 30)
    assert (grant.upto, grant.counted) == (20, False)
    assert (await scene.claim("b", 0, 30)).upto == 0
    await scene.claim("b", 0, 0)
    await scene.claim("a", 20, 20)  # and hangs up
    await scene.back()
    assert await scene.ledger.look([scene.mine]) == [(60, 0)]
    assert (await scene.claim("c", 1, 100)).counted


async def test_an_answer_that_is_lost_counts_nothing_twice() -> None:
    scene = Scene()
    await scene.claim("a", 0, 10)
    scene.far.deaf = True
    await scene.claim("a", 5, 10)
    await scene.back()
    await scene.claim("a", 6, 6)
    assert await scene.ledger.look([scene.mine]) == [(46, 0)]


async def test_redis_is_not_asked_by_every_claim_while_it_is_away() -> None:
    scene = Scene()
    scene.far.away = True
    for number in range(50):
        await scene.claim(f"call_{number}", 0, 1)
    assert len(scene.far.claims) == 1
    with pytest.raises(LedgerAwayError):
        await scene.ledger.settle()
    assert len(scene.far.claims) == 2
    await scene.claim("a", 0, 1)
    assert len(scene.far.claims) == 2


async def test_a_second_time_away_begins_with_what_is_known_by_then() -> None:
    scene = Scene()
    for _ in range(2):
        scene.far.away = True
        assert (await scene.claim("a", 0, 100)).upto == 20
        await scene.back()
        await scene.claim("a", 0, 0)


async def test_where_the_books_cannot_be_asked_either_the_allowance_is_all_there_is() -> None:
    scene = Scene()
    scene.far.away = scene.books.away = True
    assert (await scene.claim("a", 0, 100)).upto == 20


@pytest.mark.parametrize("allowance", [0, 10**9])
async def test_the_allowance_is_never_more_than_the_budget_has_left(allowance: int) -> None:
    scene = Scene()
    scene.ledger.allowance = allowance
    await scene.claim("z", 0, 1)
    scene.far.away = True
    assert (await scene.claim("a", 0, 1000)).upto == min(60, allowance)


async def test_who_has_no_budget_is_held_to_none_meanwhile() -> None:
    scene = Scene()
    scene.far.away = True
    free = account(UNLIMITED, caller="ada")
    assert (await scene.ledger.claim([free], claim("a", 0, 10**9))).upto == 10**9


async def test_a_real_redis_that_is_killed_hurts_no_call_and_is_told_when_it_is_back() -> None:
    mine, books = account(100), Books()
    with services.redis() as server:
        redis = Redis.from_url(server.url, socket_timeout=2, socket_connect_timeout=2)
        ledger = PatientLedger(SharedLedger(redis, books.before), books.before, 20)
        assert (await ledger.claim([mine], claim("a", 10, 30))).upto == 30
        server.process.kill()
        server.process.wait()
        assert (await ledger.claim([mine], claim("a", 25, 90, counted=10))).upto == 30
        books.spent[mine.name] = 10  # by then they know of what was counted
        with services.redis(server.port):
            await ledger.settle()
            assert await ledger.look([mine]) == [(25, 65)]
            grant = await ledger.claim([mine], claim("b", 0, 50))
            assert (grant.upto, grant.counted) == (10, True)
        await redis.aclose()
