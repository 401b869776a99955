"""What gateways share: tickets in a real Redis, good once among all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx2 import AsyncClient
from redis.asyncio import Redis

from gateway.call.events import CallerJoined
from gateway.doctor import examine
from gateway.doors.tickets import Tickets
from gateway.errors import SettingsError
from gateway.settings import load
from gateway.sharing.redis import SharedTickets, open_redis
from gateway.sharing.stops import ORDERS, SharedStops
from gateway.store.stop import Stop
from tests import services
from tests.house import open_house

ADA = CallerJoined("+15550100", called="+1", metadata={"customer": "4711"}, tenant="acme")


@pytest.fixture(scope="module")
def server() -> Iterator[services.Redis]:
    with services.redis() as running:
        yield running


async def test_a_ticket_of_one_gateway_is_good_at_another_and_once(server: services.Redis) -> None:
    redis = Redis.from_url(server.url)
    gateways = [SharedTickets(redis) for _ in range(4)]
    word = gateways[0].issue(ADA)
    redeemed = await asyncio.gather(
        gateways[0].redeem(word), *(one.redeem(f" {word.upper()} ") for one in gateways * 3)
    )
    assert [one for one in redeemed if one is not None] == [ADA]
    for guess in ("", "guess", "*", "00000000-0000-4000-8000-000000000000", "\0\ud800"):
        assert await gateways[1].redeem(guess) is None
    await redis.aclose()


async def test_a_ticket_expires_in_redis(server: services.Redis) -> None:
    redis = Redis.from_url(server.url)
    tickets = SharedTickets(redis)
    word = tickets.issue(ADA, seconds=0.05)
    await asyncio.gather(*tickets._sending.values())
    assert 0 < await redis.pttl(f"trunkline:ticket:{word}") <= 50
    await redis.aclose()


async def test_while_redis_is_away_a_ticket_is_good_where_it_was_given_out() -> None:
    redis = Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=1)
    tickets = SharedTickets(redis, Tickets())
    word = tickets.issue(ADA)
    assert await tickets.redeem(word) == ADA
    assert await tickets.redeem(word) is None
    await redis.aclose()


async def test_a_ticket_that_the_api_gives_out_lies_in_redis(server: services.Redis) -> None:
    told = {"TRUNKLINE_STORE__REDIS": server.url}
    async with open_house(variables=told) as house, AsyncClient() as http:
        made = await http.post(f"{house.address}/api/tickets", json={"from": "+1"})
        redis = Redis.from_url(server.url)
        known = await SharedTickets(redis).redeem(made.json()["ticket"])
        await redis.aclose()
    assert known is not None
    assert (known.address, known.tenant) == ("+1", "default")


@pytest.mark.parametrize(
    ("url", "said"),
    [("redis://127.0.0.1:1/0", "cannot be used"), ("http://127.0.0.1", "is no URL of a Redis")],
)
async def test_a_redis_that_cannot_be_had_is_said_at_the_start(url: str, said: str) -> None:
    async def start() -> None:
        async with open_redis(load(None, {"TRUNKLINE_STORE__REDIS": url})):
            pass

    with pytest.raises(SettingsError, match=said):
        await start()


def test_the_doctor_says_whether_redis_answers(
    server: services.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for url, status in ((server.url, "ok"), ("redis://:hush@127.0.0.1:1/0", "broken")):
        found = examine(None, {"TRUNKLINE_STORE__REDIS": url, "TRUNKLINE_SERVER__PORT": "0"})
        (redis,) = (one for one in found if one.subject == "redis")
        assert redis.status == status
        assert "hush" not in str(found)


async def test_a_ticket_that_redis_did_not_take_is_good_here_when_it_is_back(
    server: services.Redis,
) -> None:
    redis = Redis.from_url(server.url)
    tickets = SharedTickets(redis)
    away, tickets._redis = tickets._redis, Redis.from_url("redis://127.0.0.1:1/0")
    word = tickets.issue(ADA)
    await asyncio.gather(*tickets._sending.values())
    tickets._redis = away
    assert await tickets.redeem(word) == ADA
    assert await tickets.redeem(word) is None
    await redis.aclose()


async def test_an_order_that_only_a_newer_gateway_knows_does_not_stop_the_stopping(
    server: services.Redis,
) -> None:
    redis = Redis.from_url(server.url)
    stops = SharedStops(redis)
    place = await stops.newest()
    await redis.xadd(ORDERS, {"stop": b'{"tenant":"acme","kind":"whisper"}'})
    await stops.order(Stop("acme", "call", "call_1"))
    found, _ = await stops.after(place)
    assert [stop.target for stop in found] == ["call_1"]
    await redis.aclose()
