"""Budgets of a gateway: whose they are, and how two gateways of one Redis keep them together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.budgets.accounts import UNLIMITED
from gateway.budgets.away import PatientLedger
from gateway.budgets.budgets import Allowed, Budgets, open_budgets
from gateway.budgets.ledger import MemoryLedger
from gateway.call.effects import Reserve
from gateway.call.events import Event, Reserved
from gateway.call.plan import Plan
from gateway.call.prices import NANO
from gateway.errors import SettingsError
from gateway.plans.planning import Planner, target_of
from gateway.settings import Settings, load
from gateway.store.budgets import Given
from gateway.store.store import open_store
from tests import services
from tests.budgets.bank import Books

ADA = Plan(call_id="call", tenant="acme", caller="ada")


def settings(**budget: object) -> Settings:
    return load(
        None, {f"TRUNKLINE_BUDGET__{name.upper()}": str(value) for name, value in budget.items()}
    )


def budgets(**budget: object) -> Budgets:
    before = Books().before
    return Budgets(settings(**budget), PatientLedger(MemoryLedger(before), before, 0))


def limits(mine: Budgets, caller: str = "ada") -> list[int]:
    found = [account.limit for account in mine.accounts("acme", caller)]
    return [0 if limit == UNLIMITED else limit // NANO for limit in found]


def test_what_was_given_beats_the_settings_for_callers_and_tenants_by_themselves() -> None:
    mine = budgets(call_usd=1, caller_day_usd=2, tenant_month_usd=3)
    assert limits(mine) == [0, 3, 2, 0]
    assert limits(mine, "") == [0, 3]
    mine.learn([Given("acme", call=9 * NANO, day=5 * NANO), Given("acme", "ada", day=0)])
    assert limits(mine) == [5, 3, 0, 0]
    assert limits(mine, "bob") == [5, 3, 2, 0]
    assert mine.allowed("acme", "ada").call == mine.allowed("acme", "bob").call == 9 * NANO
    assert mine.allowed("globex", "ada") == Allowed(NANO, 2 * NANO, 0)
    mine.learn([Given("acme", "ada", call=0), Given("acme")])
    assert mine.allowed("acme", "ada").call == 0
    assert limits(mine) == [0, 3, 2, 0]


def test_a_plan_is_told_of_budgets_where_there_are_any() -> None:
    assert budgets().fit(ADA) is ADA
    alone = budgets(call_usd=1)
    assert not alone.fit(ADA).budget.shared
    assert alone.purse(alone.fit(ADA)) is None
    mine = budgets()
    mine.learn([Given("globex", month=NANO)])
    fitted = mine.fit(ADA)
    assert fitted.budget.shared
    assert fitted.budget.last_notice
    assert fitted.budget.transfer_notice
    assert mine.purse(fitted) is not None


def test_other_settings_hold_from_then_on() -> None:
    mine = budgets(caller_day_usd=2)
    mine.take(settings(caller_day_usd=4, time_zone="Pacific/Auckland"))
    assert limits(mine) == [0, 0, 4, 0]


@pytest.mark.parametrize("key", ["goodbye_sound", "transfer_sound"])
def test_a_sound_that_cannot_be_read_is_said_at_the_start(key: str, tmp_path: Path) -> None:
    wrong = settings(**{key: tmp_path / "nothing.wav"})
    target = replace(target_of(wrong.assistant), base_url="http://here/v1")
    with pytest.raises(SettingsError, match=rf"budget\.{key}"):
        Planner(wrong, target).check()


async def test_a_start_without_books_warns_that_budgets_begin_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_budgets(settings(caller_day_usd=1), None):
        pass
    assert "budgets begin anew" in caplog.text


@pytest.fixture(scope="module")
def server() -> Iterator[services.Redis]:
    with services.redis() as running:
        yield running


async def test_two_gateways_of_one_redis_spend_one_budget(
    server: services.Redis, tmp_path: Path
) -> None:
    told = settings(away_usd=0)
    store = told.store.model_copy(update={"redis": type(told.store.redis)(server.url)})
    told = told.model_copy(update={"store": store})
    fed: list[Event] = []
    async with (
        open_store(str(tmp_path / "trunkline.db"), tmp_path / "spill") as books,
        open_budgets(told, books) as one,
        open_budgets(told, books) as other,
    ):
        assert one.table is not None
        await one.table.give(Given("acme", "ada", day=100))
        for each in (one, other):
            each.learn([Given("acme", "ada", day=100)])
        first, second = (
            each.purse(each.fit(replace(ADA, call_id=f"call_{number}")))
            for number, each in enumerate((one, other))
        )
        assert first is not None
        assert second is not None
        for number, purse in enumerate((first, second)):
            purse.begin(fed.append)
            purse.send(Reserve(1, 10 * number, 80))
            await (one, other)[number].close()
        assert fed == [Reserved(1, 80), Reserved(1, 20, caller_percent=10)]
        first.end()
        await one.close()
        spent = await other.look(other.accounts("acme", "ada"))
        assert spent == [(10, 10), (10, 10), (10, 10), (10, 10)]
