"""Two gateways of one Redis: secrets, live calls, the stop button and revocations go for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient
from redis.asyncio import Redis

from gateway.doors.client_secrets import ClientSecrets
from gateway.identity.policy import TokenPolicy
from gateway.identity.tokens import issue
from gateway.identity.who import SCOPES, Identity
from gateway.protocol.wire import Refused
from gateway.sharing.secrets import SharedSecrets
from tests import services
from tests.house import House
from tests.whole import BriefMind, open_whole, typing

SECRET = "a secret of at least thirty-two characters"
POLICY = TokenPolicy(SECRET)
MAKER = Identity("key", "tl_1", "acme", "", frozenset({"calls:place"}), 5.0)


@pytest.fixture(scope="module")
def server() -> Iterator[services.Redis]:
    with services.redis() as running:
        yield running


def token(tenant: str = "acme", *scopes: str) -> str:
    return issue(POLICY, tenant, "ada", scopes or list(SCOPES), 600)


@asynccontextmanager
async def two(url: str) -> AsyncIterator[tuple[House, House, AsyncClient, AsyncClient]]:
    """Two gateways without books, and a way to ask each."""
    told = {"TRUNKLINE_AUTH__JWT_SECRET": SECRET, "TRUNKLINE_STORE__REDIS": url}
    async with AsyncExitStack() as open_:
        houses = [await open_.enter_async_context(open_whole(told, BriefMind())) for _ in range(2)]
        asking = [
            await open_.enter_async_context(AsyncClient(base_url=house.address)) for house in houses
        ]
        yield houses[0], houses[1], asking[0], asking[1]


async def get(http: AsyncClient, path: str, bearer: str, method: str = "GET", **how: Any) -> Any:
    headers = {"authorization": f"Bearer {bearer}"}
    return await http.request(method, path, headers=headers, **how)


async def calls(http: AsyncClient, bearer: str) -> list[dict[str, Any]]:
    return list((await get(http, "/api/calls?status=live", bearer)).json()["calls"])


async def test_a_live_call_is_seen_and_stopped_from_another_gateway(server: services.Redis) -> None:
    mine, others = token(), token("globex")
    async with two(server.url) as (here, _, _, there), typing(here, token=mine) as caller:
        async with asyncio.timeout(10):
            while not (seen := await calls(there, mine)):
                await asyncio.sleep(0.05)
        assert [(one["id"], one["live"]) for one in seen] == [(caller.call_id, True)]
        assert (seen[0]["tenant"], seen[0]["caller"], seen[0]["via"]) == ("acme", "ada", "browser")
        path = f"/api/calls/{caller.call_id}"
        assert (await get(there, path, mine)).json()["gateway"].startswith("gw_")
        assert (await get(there, path, others)).status_code == 404
        assert await calls(there, others) == []
        assert (await get(there, path + "/stop", others, "POST", json={})).status_code == 404
        assert (await get(there, path + "/stop", mine, "POST", json={})).status_code == 200
        async with asyncio.timeout(2):
            ended = await caller.wait_for("ended")
        assert ended["reason"] == "stopped by an operator"
        async with asyncio.timeout(10):
            while await calls(there, mine):
                await asyncio.sleep(0.05)


async def test_a_revoked_token_ends_its_calls_within_two_seconds_and_lets_nobody_in(
    server: services.Redis,
) -> None:
    hers = token()
    async with two(server.url) as (here, far, near, there), typing(here, token=hers) as caller:
        (session,) = here.gateway.switchboard.sessions
        name = session.plan.credential
        refused = await get(there, "/api/revocations", token("acme", "calls:stop"), "POST", json={})
        assert refused.status_code == 403
        others = await get(there, "/api/revocations", token("globex"), "POST", json={"token": name})
        assert others.status_code == 200  # of theirs there is none
        assert (await get(there, "/api/whoami", hers)).status_code == 200
        done = await get(there, "/api/revocations", token(), "POST", json={"token": name[4:]})
        assert done.json() == {"stopped": 0}, "of the gateway that was asked"
        async with asyncio.timeout(2):
            assert (await caller.wait_for("ended"))["reason"] == "the token was revoked"
        for http in (there, near):
            refused = await get(http, "/api/whoami", hers)
            assert (refused.status_code, "revoked" in refused.text) == (401, True)
        assert len(far.gateway.access.revoked) >= 1
    async with two(server.url) as (_, _, again, _):  # both were started anew
        async with asyncio.timeout(2):
            while (await get(again, "/api/whoami", hers)).status_code != 401:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("shared", [True, False], ids=["shared books", "books of its own"])
async def test_a_call_is_listed_once_whether_or_not_the_books_are_shared(
    server: services.Redis, tmp_path: Path, shared: bool
) -> None:
    told = {"TRUNKLINE_AUTH__JWT_SECRET": SECRET, "TRUNKLINE_STORE__REDIS": server.url}
    async with AsyncExitStack() as open_:
        houses = []
        for name in ("a", "a" if shared else "b"):
            books = {
                "TRUNKLINE_STORE__URL": str(tmp_path / f"{name}.db"),
                "TRUNKLINE_STORE__SPILL": str(tmp_path / f"spill{len(houses)}"),
            }
            houses.append(await open_.enter_async_context(open_whole({**told, **books})))
        http = await open_.enter_async_context(AsyncClient(base_url=houses[1].address))
        caller = await open_.enter_async_context(typing(houses[0], token=token()))
        async with asyncio.timeout(10):
            while not (seen := await calls(http, token())):
                await asyncio.sleep(0.05)
        assert [one["id"] for one in seen] == [caller.call_id]
        assert len(await calls(http, token())) == 1


# ---------------------------------------------------------------- client secrets


@asynccontextmanager
async def sharing(url: str, number: int = 2) -> AsyncIterator[list[ClientSecrets]]:
    async with AsyncExitStack() as open_:
        found = []
        for _ in range(number):
            redis = Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)
            open_.push_async_callback(redis.aclose)
            found.append(ClientSecrets())
            found[-1].shared = SharedSecrets(redis)
        yield found


async def test_a_secret_of_one_gateway_is_good_at_another_and_once(server: services.Redis) -> None:
    async with sharing(server.url, 4) as gateways:
        made = gateways[0].mint(60, {"type": "realtime"}, MAKER, origin="https://a.test")
        with pytest.raises(Refused):
            await gateways[1].take(made.value, "https://b.test")
        tries = [one.take(made.value, "https://A.test") for one in gateways * 3]
        found = await asyncio.gather(*tries, return_exceptions=True)
        assert [one for one in found if not isinstance(one, Refused)] == [made]
        for guess in ("ek_guess", "", "ek_\ud800"):
            with pytest.raises(Refused):
                await gateways[1].take(guess, "")
        redis = Redis.from_url(server.url)
        made = gateways[0].mint(60, {})
        await gateways[0].shared._sending[made.value]  # type: ignore[union-attr]
        keys = [key async for key in redis.scan_iter("trunkline:secret:*")]
        assert not any(made.value.encode() in key for key in keys)
        assert 0 < await redis.ttl(keys[0]) <= 60
        await redis.aclose()


async def test_while_redis_is_away_a_secret_is_good_where_it_was_given_out() -> None:
    async with sharing("redis://127.0.0.1:1/0") as (first, second):
        made = first.mint(60, {})
        with pytest.raises(Refused):
            await second.take(made.value, "")
        assert await first.take(made.value, "") == made
        with pytest.raises(Refused):
            await first.take(made.value, "")
