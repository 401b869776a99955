"""Budgets in each database: what is given is news to others once, what is spent is summed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.store.budgets import BudgetTable, Given
from gateway.store.store import open_store
from gateway.store.writes import put


def spent(call_id: str, response: str, at_ms: int, nano: int, tenant: str = "acme") -> Any:
    row = {"call_id": call_id, "response_id": response, "tenant": tenant, "at_ms": at_ms}
    return put("usage", row | {"cost_nano": nano})


async def test_what_is_given_is_told_to_each_gateway_once(url: str, tmp_path: Path) -> None:
    async with open_store(url, tmp_path / "spill") as store:
        here, there = store.budgets, BudgetTable(store.database)
        assert await here.news() == []
        tenant, caller = Given("acme", day=5), Given("acme", "O'Hara; --", call=0, month=2**50)
        await here.give(tenant)
        await here.give(caller)
        assert await there.news() == [tenant, caller]
        assert await there.news() == []
        await here.give(Given("acme"))
        assert [one.empty for one in await there.news()] == [True]
        late = BudgetTable(store.database)
        assert await late.news() == [caller, Given("acme")]


async def test_what_was_spent_is_summed_by_tenant_caller_and_time(url: str, tmp_path: Path) -> None:
    async with open_store(url, tmp_path / "spill") as store:
        for call_id, tenant, caller in (
            ("one", "acme", "ada"),
            ("two", "acme", "bob"),
            ("three", "globex", "ada"),
        ):
            row = {"id": call_id, "tenant": tenant, "caller": caller, "began_ms": 90}
            store.writer.add(put("calls", row | {"metadata": {}}))
        for usage in (
            *(spent("one", "a", 99, 1), spent("one", "b", 100, 10), spent("one", "c", 199, 100)),
            *(spent("one", "d", 200, 1_000), spent("two", "a", 150, 10_000)),
            spent("three", "a", 150, 100_000, "globex"),
        ):
            store.writer.add(usage)
        await store.writer.wait_written()
        budgets = store.budgets
        assert await budgets.spent("acme", "", 100, 200) == 10_110
        assert await budgets.spent("acme", "ada", 100, 200) == 110
        assert await budgets.spent("globex", "bob", 100, 200) == 0
