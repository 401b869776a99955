"""Budgets over the API: given to a caller or a tenant, they hold at once, and after a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from httpx2 import AsyncClient
from sqlalchemy import select

from gateway.call.spending import SHARED_SPENT
from gateway.identity.who import SCOPES
from gateway.store.tables import audit
from tests.api.test_matrix import token, two_tenants
from tests.whole import BriefMind, open_whole, typing

ALL = token("*", SCOPES)


async def test_a_tenant_gives_its_callers_budgets_and_not_itself(tmp_path: Path) -> None:
    async with two_tenants(tmp_path) as (house, http):
        mine = token("acme", ["budgets:write", "budgets:read"])
        given = {"caller": "ada", "call_usd": 0.5, "day_usd": 2}
        made = await http.put("/api/budgets", json=given, headers=mine)
        whole = given | {"tenant": "acme", "month_usd": None}
        assert (made.status_code, made.json()) == (200, whole)
        for wrong in ({"day_usd": 9}, {"tenant": "globex", "caller": "bob"}, {"tenant": "*"}):
            refused = await http.put("/api/budgets", json=wrong, headers=mine)
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "other_tenant")
        for bad in ({"caller": "ada", "day_usd": -1}, {"caller": "ada", "day_usd": "1e400"}):
            assert (await http.put("/api/budgets", json=bad, headers=mine)).status_code == 400
        misspelt = await http.put(
            "/api/budgets", json={"caller": "ada", "days_usd": 9}, headers=mine
        )
        assert (misspelt.status_code, "days_usd" in misspelt.text) == (400, True)
        theirs = {"tenant": "globex", "month_usd": 7}
        assert (await http.put("/api/budgets", json=theirs, headers=ALL)).status_code == 200
        assert (await http.get("/api/budgets", headers=mine)).json() == {"budgets": [whole]}
        every = (await http.get("/api/budgets", headers=ALL)).json()["budgets"]
        assert [one["tenant"] for one in every] == ["acme", "globex"]
        taken = await http.put("/api/budgets", json={"caller": "ada"}, headers=mine)
        assert taken.status_code == 200
        assert (await http.get("/api/budgets", headers=mine)).json() == {"budgets": []}
        store = house.gateway.store
        assert store is not None
        await store.writer.wait_written()
        async with store.database.read() as connection:
            query = select(audit).where(audit.c.kind == "budget_given")
            notes = (await connection.execute(query)).all()
    assert [one.tenant for one in notes] == ["acme", "*", "acme"]
    assert '"day_usd":2.0' in notes[0].detail.replace(" ", "")
    assert '"caller":"caller:' in notes[0].detail.replace(" ", "")
    assert "ada" not in notes[0].detail


async def _state(http: AsyncClient) -> dict[str, Any]:
    return dict((await http.get("/api/budgets/state")).json())


async def test_what_is_given_ends_calls_and_outlasts_the_gateway(tmp_path: Path) -> None:
    told = {
        "TRUNKLINE_ASSISTANT__KIND": "compatible",
        "TRUNKLINE_ASSISTANT__MODEL": "nobody-knows-it",
        "TRUNKLINE_SERVER__TOKEN": "sesame",
        "TRUNKLINE_STORE__URL": str(tmp_path / "trunkline.db"),
        "TRUNKLINE_STORE__SPILL": str(tmp_path / "spill"),
    }
    operator = {"authorization": "Bearer sesame"}
    async with (
        open_whole(told, BriefMind("Yes, it is.")) as house,
        AsyncClient(base_url=house.address, headers=operator) as http,
    ):
        async with typing(house, token="sesame") as caller:
            await caller.type("Is it?")
            cost = (await caller.wait_for("cost"))["usd"]
        given = {"tenant": "default", "month_usd": cost}
        assert (await http.put("/api/budgets", json=given)).status_code == 200
        async with asyncio.timeout(20):  # what a call has spent is known soon after its end
            while not (state := (await http.get("/api/budgets/state")).json())["month"][
                "spent_usd"
            ]:
                await asyncio.sleep(0.02)
        assert state["month"] == {
            "period": state["month"]["period"],
            "limit_usd": cost,
            "spent_usd": cost,
            "held_usd": 0.0,
        }
        assert state["day"]["limit_usd"] == 0.0
    async with (
        open_whole(told, BriefMind("Yes, it is.")) as house,
        typing(house, token="sesame") as caller,
    ):
        await caller.type("Is it?")
        assert (await caller.wait_for("ended"))["reason"] == SHARED_SPENT
