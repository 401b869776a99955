"""Quotas: how many calls a caller and a tenant may have, and how long one may last."""

from __future__ import annotations

from dataclasses import replace

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.call import effects as do
from gateway.call.plan import IdlePolicy, Plan
from gateway.call.quiet import TOO_LONG
from gateway.quotas import Quota, TooManyError
from gateway.settings.quotas import Quotas
from gateway.switchboard import Switchboard
from tests.call.story import Story
from tests.house import open_house
from tests.whole import BriefMind, typing

ADA, BOB = Plan(tenant="acme", caller="ada"), Plan(tenant="acme", caller="bob")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_minute_slides_and_callers_are_counted_by_themselves() -> None:
    clock, board = Clock(), Switchboard(10)
    quota, allowed = Quota(clock), Quotas(caller_per_minute=2, tenant_per_minute=3)
    quota.check(ADA, allowed, board)
    clock.now += 30
    quota.check(ADA, allowed, board)
    with pytest.raises(TooManyError, match=r"as many as quotas\.caller_per_minute"):
        quota.check(ADA, allowed, board)
    quota.check(BOB, allowed, board)
    with pytest.raises(TooManyError, match=r"quotas\.tenant_per_minute"):
        quota.check(replace(BOB, caller=""), allowed, board)
    quota.check(replace(ADA, tenant="globex"), allowed, board)
    clock.now += 30
    quota.check(ADA, allowed, board)
    with pytest.raises(TooManyError):
        quota.check(ADA, allowed, board)


async def test_without_quotas_nothing_is_counted() -> None:
    quota, board = Quota(), Switchboard(10)
    for _ in range(100):
        quota.check(ADA, Quotas(), board)
    assert not quota._begun


async def test_one_call_too_many_is_told_so_and_let_in_once_another_has_ended() -> None:
    told = {"TRUNKLINE_QUOTAS__TENANT_CALLS": "1"}
    async with open_house(BriefMind(), variables=told) as house:
        async with typing(house):
            with pytest.raises(InvalidStatus) as refused:
                await connect(house.browser)
            assert refused.value.response.status_code == 503
            assert b"quotas.tenant_calls allows 1 at once" in refused.value.response.body
        async with typing(house) as caller:
            assert (await caller.ask("Hello"))["text"] == "Yes."


def test_a_call_that_lasts_too_long_ends_when_the_assistant_has_spoken() -> None:
    told = Story(Plan(idle=IdlePolicy(longest=10_000_000)))
    told.wait(8000)
    told.says(500)
    told.answers(3000)
    told.wait(1500)
    assert not told.call.ended
    told.wait(2000)
    assert told.all(do.End) == [do.End(TOO_LONG)]
