"""Ledgers: what is granted, counted and given back, in memory and in a real Redis alike."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from gateway.budgets.ledger import Ledger, LedgerAwayError, MemoryLedger
from gateway.budgets.shared import PREFIX, SharedLedger
from tests import services
from tests.budgets.bank import Books, account, claim


@pytest.fixture(scope="module")
def server() -> Iterator[services.Redis]:
    with services.redis() as running:
        yield running


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
def tenant() -> str:
    """One of its own for each test: they share a Redis."""
    return uuid.uuid4().hex


@pytest_asyncio.fixture(params=["memory", "redis"])
async def ledger(request: pytest.FixtureRequest, books: Books) -> AsyncIterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger(books.before)
        return
    server: services.Redis = request.getfixturevalue("server")
    redis = Redis.from_url(server.url)
    yield SharedLedger(redis, books.before)
    await redis.aclose()


async def test_no_more_is_granted_than_the_fullest_account_has_left(
    ledger: Ledger, tenant: str
) -> None:
    theirs = [account(100, tenant), account(30, tenant, "ada")]
    assert (await ledger.claim(theirs, claim("a", 0, 20))).upto == 20
    assert (await ledger.claim(theirs, claim("b", 0, 20))).upto == 10
    assert (await ledger.claim(theirs, claim("c", 0, 20))).upto == 0
    other = [account(100, tenant), account(30, tenant, "bob")]
    assert (await ledger.claim(other, claim("d", 0, 200))).upto == 30
    assert await ledger.look(theirs) == [(0, 60), (0, 30)]


async def test_what_was_not_used_goes_back_and_what_was_is_counted(
    ledger: Ledger, tenant: str
) -> None:
    mine = [account(100, tenant)]
    await ledger.claim(mine, claim("a", 0, 90))
    grant = await ledger.claim(mine, claim("a", 40, 40))
    assert (grant.upto, grant.spent) == (40, (40,))
    assert await ledger.look(mine) == [(40, 0)]
    grant = await ledger.claim(mine, claim("b", 0, 90))
    assert (grant.upto, grant.spent) == (60, (40,))


async def test_a_claim_that_is_said_twice_counts_once(ledger: Ledger, tenant: str) -> None:
    mine = [account(100, tenant)]
    for _ in range(3):
        await ledger.claim(mine, claim("a", 40, 50))
    assert await ledger.look(mine) == [(40, 10)]
    await ledger.claim(mine, claim("a", 45, 45, counted=40))
    await ledger.claim(mine, claim("a", 30, 30))  # an older one that was under way for long
    assert await ledger.look(mine) == [(45, 0)]


async def test_who_has_spent_more_than_was_granted_leaves_nothing_and_owes(
    ledger: Ledger, tenant: str
) -> None:
    mine = [account(100, tenant)]
    assert (await ledger.claim(mine, claim("a", 120, 130))).upto == 120
    assert (await ledger.claim(mine, claim("b", 0, 1))).upto == 0
    more = [account(130, tenant)]  # an operator gives more
    assert (await ledger.claim(more, claim("b", 0, 50))).upto == 10


async def test_an_account_begins_with_what_the_books_know(
    ledger: Ledger, books: Books, tenant: str
) -> None:
    mine = account(100, tenant)
    books.spent[mine.name] = 70
    assert (await ledger.claim([mine], claim("a", 0, 50))).upto == 30
    await ledger.claim([mine], claim("a", 10, 10))
    assert await ledger.look([mine]) == [(80, 0)]
    assert books.asked == [mine.name]


async def test_where_the_books_are_away_nothing_is_counted_yet(
    ledger: Ledger, books: Books, tenant: str
) -> None:
    mine = [account(100, tenant)]
    books.away = True
    with pytest.raises(LedgerAwayError):
        await ledger.claim(mine, claim("a", 10, 50))
    books.away = False
    assert (await ledger.claim(mine, claim("a", 10, 50))).spent == (10,)


async def test_sums_are_exact_also_where_they_are_large(ledger: Ledger, tenant: str) -> None:
    million = 1_000_000 * 1_000_000_000
    mine = [account(million, tenant)]
    grant = await ledger.claim(mine, claim("a", million - 3, million))
    assert (grant.upto, grant.spent) == (million, (million - 3,))
    assert await ledger.look(mine) == [(million - 3, 3)]


async def test_a_hundred_claims_at_once_get_no_more_than_there_is(
    ledger: Ledger, books: Books, tenant: str
) -> None:
    mine = [account(1_000, tenant), account(10_000, tenant, "ada")]
    books.spent[mine[0].name] = 100
    grants = await asyncio.gather(
        *(ledger.claim(mine, claim(f"call_{number}", 0, 35)) for number in range(100))
    )
    assert sum(grant.upto for grant in grants) == 900
    assert await ledger.look(mine) == [(100, 900), (0, 900)]


async def test_what_a_dead_gateway_held_is_given_back_and_it_counts_on_if_it_lives(
    server: services.Redis, tenant: str
) -> None:
    mine, books = [account(100, tenant)], Books()
    redis = Redis.from_url(server.url)
    dead, living = (SharedLedger(redis, books.before, lease_ms=ms) for ms in (40, 30_000))
    await dead.claim(mine, claim("a", 20, 90))
    assert (await living.claim(mine, claim("b", 0, 50))).upto == 10
    while (await living.claim(mine, claim("b", 0, 50))).upto < 50:
        await asyncio.sleep(0)
    assert await living.look(mine) == [(20, 50)]
    await dead.claim(mine, claim("a", 25, 25))
    assert await living.look(mine) == [(25, 50)]
    for key in await redis.keys(f"{PREFIX}*{tenant}*"):
        assert 0 < await redis.pttl(key) <= 3 * 86_400_000
    await redis.aclose()


async def test_a_redis_that_has_lost_everything_is_told_again(
    server: services.Redis, tenant: str
) -> None:
    mine, books = account(100, tenant), Books()
    redis = Redis.from_url(server.url)
    ledger = SharedLedger(redis, books.before)
    await ledger.claim([mine], claim("a", 40, 60))
    await redis.delete(*await redis.keys(f"{PREFIX}*{tenant}*"))
    books.spent[mine.name] = 40
    grant = await ledger.claim([mine], claim("a", 50, 70, counted=40))
    assert (grant.upto, grant.spent) == (70, (50,))
    await redis.aclose()
