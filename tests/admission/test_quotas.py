"""Quotas: how many calls a caller, tenant and address may have, and how long one may last."""

from __future__ import annotations

from contextlib import AsyncExitStack
from secrets import token_hex
from typing import Any

import pytest
from httpx2 import AsyncClient
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.admission.quotas import Claim, Quota, TooManyError
from gateway.call import effects as do
from gateway.call.plan import IdlePolicy, Plan
from gateway.call.quiet import TOO_LONG
from gateway.settings.quotas import Quotas
from tests.call.story import Story
from tests.house import House, open_house
from tests.whole import BriefMind, typing

ADA, BOB = Claim("acme", "ada", "192.0.2.1"), Claim("acme", "bob", "192.0.2.2")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def call(quota: Quota, claim: Claim, allowed: Quotas) -> None:
    """A call that is over at once."""
    async with quota.seat(claim, allowed, token_hex(4)):
        pass


async def test_a_minute_slides_and_callers_are_counted_by_themselves() -> None:
    clock = Clock()
    quota, allowed = Quota(clock), Quotas(caller_per_minute=2, tenant_per_minute=3)
    await call(quota, ADA, allowed)
    clock.now += 30
    await call(quota, ADA, allowed)
    with pytest.raises(TooManyError, match=r"quotas\.caller_per_minute") as refused:
        await call(quota, ADA, allowed)
    assert refused.value.again == 30
    await call(quota, BOB, allowed)
    with pytest.raises(TooManyError, match=r"quotas\.tenant_per_minute"):
        await call(quota, Claim("acme"), allowed)
    await call(quota, Claim("globex", "ada"), allowed)
    clock.now += 30
    await quota.look(ADA, allowed)
    await call(quota, ADA, allowed)
    with pytest.raises(TooManyError):
        await quota.look(ADA, allowed)


async def test_calls_at_once_count_from_before_their_first_word_to_their_end() -> None:
    quota, allowed = Quota(), Quotas(caller_calls=1, address_calls=2, tenant_calls=3)
    async with AsyncExitStack() as calls:
        await calls.enter_async_context(quota.seat(ADA, allowed, "call_1"))
        with pytest.raises(TooManyError, match=r"1 calls are live.*quotas\.caller_calls"):
            await call(quota, ADA, allowed)
        await calls.enter_async_context(quota.seat(Claim("b", "b", ADA.address), allowed, "call_2"))
        with pytest.raises(TooManyError, match=r"quotas\.address_calls"):
            await call(quota, Claim("c", "c", ADA.address), allowed)
        await call(quota, Claim("c", "c"), allowed)
    await call(quota, ADA, allowed)
    assert not len(quota.counts), "nothing is remembered of calls that are over"


async def test_one_customers_ipv6_addresses_are_one_and_ipv4_is_ipv4_however_written() -> None:
    quota, allowed = Quota(), Quotas(address_per_minute=1)
    for first, other in (
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::"),
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("unix", "unix"),
    ):
        await call(quota, Claim(address=first), allowed)
        with pytest.raises(TooManyError):
            await call(quota, Claim(address=other), allowed)
    await call(quota, Claim(address="2001:db8:1:3::1"), allowed)


async def test_without_quotas_nothing_is_counted() -> None:
    quota = Quota()
    for _ in range(100):
        await call(quota, ADA, Quotas())
    assert not len(quota.counts)


# ---------------------------------------------------------------- doors


async def test_one_call_too_many_is_told_so_and_let_in_once_another_has_ended() -> None:
    told = {"TRUNKLINE_QUOTAS__TENANT_CALLS": "1"}
    async with open_house(BriefMind(), variables=told) as house:
        async with typing(house):
            with pytest.raises(InvalidStatus) as refused:
                await connect(house.browser)
            assert refused.value.response.status_code == 429
            assert refused.value.response.headers["retry-after"] == "10"
            assert b"quotas.tenant_calls allows" in refused.value.response.body
        async with typing(house) as caller:
            assert (await caller.ask("Hello"))["text"] == "Yes."
        assert house.gateway.switchboard.statistics().refused == 1


async def refusal(house: House, path: str, **how: Any) -> tuple[int, str, str]:
    """Status, code and Retry-After of a request that is turned away."""
    async with AsyncClient() as http:
        answer = await http.post(house.address + path, **how)
        code = answer.json()["error"]["code"]
        return answer.status_code, code, answer.headers.get("retry-after", "")


async def test_every_door_refuses_in_its_own_words_and_counts_it() -> None:
    told = {"TRUNKLINE_QUOTAS__ADDRESS_CALLS": "1", "TRUNKLINE_QUOTAS__TENANT_CALLS": "1"}
    offer: dict[str, Any] = {
        "content": "v=0\r\n",
        "headers": {"content-type": "application/sdp"},
    }
    async with open_house(BriefMind(), variables=told) as house, typing(house):
        limited = (429, "rate_limit_exceeded", "10")
        assert await refusal(house, "/v1/realtime/calls", **offer) == limited
        assert await refusal(house, "/v1/realtime/calls?channel=trunkline", **offer) == limited
        assert await refusal(house, "/v1/realtime/client_secrets", json={}) == limited
        words: Any = {"subprotocols": ["realtime"]}
        address = house.browser.replace("/browser", "/v1/realtime?model=m")
        async with connect(address, **words) as client:
            error = await client.recv()
            assert '"code":"rate_limit_exceeded"' in str(error)
            await client.wait_closed()
            assert client.close_code == 1013
        assert house.gateway.switchboard.statistics().refused == 4


async def test_client_secrets_may_be_had_as_often_as_calls_and_take_none_of_them() -> None:
    told = {"TRUNKLINE_QUOTAS__TENANT_PER_MINUTE": "2"}
    async with (
        open_house(BriefMind(), variables=told) as house,
        AsyncClient(base_url=house.address) as http,
    ):
        path = "/v1/realtime/client_secrets"
        answers = [await http.post(path, json={}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert 50 < int(answers[2].headers["retry-after"]) <= 60
        for _ in range(2):
            async with typing(house):
                pass


@pytest.mark.parametrize(("proxies", "live"), [("127.0.0.1", 2), ("", 1), ("192.0.2.0/24", 1)])
async def test_an_address_is_believed_of_trusted_proxies_alone(proxies: str, live: int) -> None:
    told = {"TRUNKLINE_QUOTAS__ADDRESS_CALLS": "1", "TRUNKLINE_SERVER__TRUSTED_PROXIES": proxies}
    let_in = 0
    async with open_house(BriefMind(), variables=told) as house, AsyncExitStack() as calls:
        for hops in ("198.51.100.1", "203.0.113.9, 198.51.100.1", "198.51.100.2"):
            socket = connect(house.browser, additional_headers={"X-Forwarded-For": hops})
            try:
                await calls.enter_async_context(socket)
            except InvalidStatus:
                continue
            let_in += 1
        assert let_in == live


def test_a_call_that_lasts_too_long_ends_when_the_assistant_has_spoken() -> None:
    told = Story(Plan(idle=IdlePolicy(longest=10_000_000)))
    told.wait(8000)
    told.says(500)
    told.answers(3000)
    told.wait(1500)
    assert not told.call.ended
    told.wait(2000)
    assert told.all(do.End) == [do.End(TOO_LONG)]
