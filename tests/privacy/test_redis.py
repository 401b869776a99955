"""What gateways share of a caller in Redis is erased with the rest, and nothing of others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from gateway.budgets.accounts import Account, Calendar
from gateway.budgets.ledger import Claim
from gateway.budgets.shared import SharedLedger
from gateway.call.events import CallerJoined
from gateway.privacy.holders import Whose
from gateway.privacy.places import Shared
from gateway.settings import load
from gateway.sharing.calls import TABLE, LiveCall
from gateway.sharing.redis import SharedTickets
from gateway.sharing.stops import SharedStops
from gateway.store.stop import Stop
from tests import services

CALLERS = ("+4930555123", "+49305551234", "anna")
SAME = {"tenant": "acme", "credential": "", "began_ms": 1, "via": "browser", "called": ""}


@pytest.fixture(scope="module")
def server() -> Iterator[services.Redis]:
    with services.redis() as running:
        yield running


async def spent_nothing(_: Account) -> int:
    return 0


def account(caller: str) -> Account:
    return Account("acme", caller, Calendar().period("month"), 1_000_000)


async def share(redis: Redis, caller: str) -> str:
    """All that gateways put there of one caller; gives the ticket."""
    tickets = SharedTickets(redis)
    word = tickets.issue(CallerJoined(caller, tenant="acme"))
    await tickets.wait_known(word)
    call_id = f"call_{CALLERS.index(caller)}"
    live = LiveCall(call_id, caller=caller, address=caller, model="", gateway="g", **SAME)  # type: ignore[arg-type]
    opened: Any = redis
    await opened.hset(f"{TABLE}g", live.id, msgspec.json.encode(asdict(live)))
    await SharedStops(redis).order(Stop("acme", "caller", caller))
    ledger = SharedLedger(redis, spent_nothing)
    await ledger.claim([account(caller)], Claim(call_id, 0, 70, 70))
    return word


async def test_no_byte_of_a_caller_is_left_in_redis(server: services.Redis) -> None:
    redis = Redis.from_url(server.url)
    gone, *others = CALLERS
    words = {caller: await share(redis, caller) for caller in CALLERS}
    place = Shared(load(None, {"TRUNKLINE_STORE__REDIS": server.url}))
    assert await place.forget(Whose("acme", gone, ())) == 4
    assert await place.forget(Whose("acme", gone, ())) == 0
    assert await SharedTickets(redis).redeem(words[gone]) is None
    stops, _ = await SharedStops(redis).after("0")
    assert [one.target for one in stops] == others
    opened: Any = redis
    assert sorted(await opened.hkeys(f"{TABLE}g")) == [b"call_1", b"call_2"]
    ledger = SharedLedger(redis, spent_nothing)
    assert await ledger.look([account(one) for one in CALLERS]) == [(0, 0), (70, 0), (70, 0)]
    for caller in others:
        ticket = await SharedTickets(redis).redeem(words[caller])
        assert ticket is not None
        assert ticket.address == caller
    await redis.aclose()
