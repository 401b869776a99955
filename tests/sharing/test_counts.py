"""Counts that several gateways keep together, in a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from secrets import token_hex

import pytest
from redis.asyncio import Redis

from gateway.admission.quotas import Claim, Quota, TooManyError
from gateway.settings.quotas import Quotas
from gateway.sharing.counts import PREFIX, SharedCounts
from tests import services


@pytest.fixture(scope="module")
def server() -> Iterator[services.Redis]:
    with services.redis() as running:
        yield running


@asynccontextmanager
async def gateways(url: str, number: int) -> AsyncIterator[list[Quota]]:
    quotas = []
    async with AsyncExitStack() as open_:
        for _ in range(number):
            redis = Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
            open_.push_async_callback(redis.aclose)
            quotas.append(Quota())
            quotas[-1].shared = SharedCounts(redis)
        yield quotas
        for quota in quotas:
            assert quota.shared is not None
            await quota.shared.wait_left()


async def test_a_hundred_calls_at_four_gateways_are_let_in_up_to_the_limit(
    server: services.Redis,
) -> None:
    allowed, claim = Quotas(tenant_calls=7), Claim(token_hex(4))
    over = asyncio.Event()

    async def call(quota: Quota) -> bool:
        try:
            async with quota.seat(claim, allowed, f"call_{token_hex(8)}"):
                await over.wait()
                return True
        except TooManyError:
            return False

    async with gateways(server.url, 4) as quotas:
        calls = [asyncio.create_task(call(quotas[number % 4])) for number in range(100)]
        while sum(task.done() for task in calls) < 93:
            await asyncio.sleep(0.01)
        with pytest.raises(TooManyError):
            await quotas[0].look(claim, allowed)
        over.set()
        assert sum(await asyncio.gather(*calls)) == 7
        for quota in quotas:
            assert quota.shared is not None
            await quota.shared.wait_left()
        await quotas[0].look(claim, allowed)


async def test_calls_of_a_minute_are_counted_together_and_told_when_there_is_room(
    server: services.Redis,
) -> None:
    allowed, claim = Quotas(address_per_minute=2), Claim(address=f"{token_hex(4)}.test")
    async with gateways(server.url, 2) as quotas:
        for quota in quotas:
            async with quota.seat(claim, allowed, token_hex(8)):
                pass
        with pytest.raises(TooManyError, match=r"address_per_minute") as refused:
            await quotas[0].look(claim, allowed)
        assert 50 < refused.value.again <= 60


async def test_what_a_dead_gateway_held_is_free_after_its_lease_and_a_live_one_keeps_its_own(
    server: services.Redis,
) -> None:
    allowed, claim = Quotas(caller_calls=2), Claim("acme", token_hex(4))
    async with gateways(server.url, 2) as (alive, dead):
        assert alive.shared is not None
        async with (
            dead.seat(claim, allowed, "call_dead"),
            alive.seat(claim, allowed, "call_alive"),
        ):
            redis = alive.shared._redis
            (limit,) = claim.limits(allowed)
            key = PREFIX + limit.key
            for call_id in ("call_dead", "call_alive"):
                assert await redis.zadd(key, {call_id: 1000}, xx=True, ch=True)  # long ago
            await alive.shared.beat()
            await alive.look(claim, allowed)
            assert [one async for one, _ in redis.zscan_iter(key)] == [b"call_alive"]


async def test_while_redis_is_away_each_gateway_counts_by_itself() -> None:
    allowed, claim = Quotas(caller_calls=1), Claim("acme", "ada")
    async with gateways("redis://127.0.0.1:1/0", 2) as (first, second):
        async with first.seat(claim, allowed, "call_1"), second.seat(claim, allowed, "call_2"):
            for quota in (first, second):
                with pytest.raises(TooManyError):
                    await quota.look(claim, allowed)
        await first.look(claim, allowed)


async def test_who_calls_does_not_stand_in_redis(server: services.Redis) -> None:
    allowed = Quotas(caller_calls=1, address_calls=1, tenant_calls=1)
    async with gateways(server.url, 1) as (quota,):
        claim = Claim("acme", "+15550100", "198.51.100.7")
        async with quota.seat(claim, allowed, "call_1"):
            assert quota.shared is not None
            keys = [key async for key in quota.shared._redis.scan_iter(PREFIX + "*")]
    assert len(keys) >= 3
    assert not any(b"555" in key or b"acme" in key or b"198.51" in key for key in keys)
