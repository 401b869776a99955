"""Calls over the API: live and past ones, pages, words, sound, and the stop button."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.house import House, open_house
from tests.whole import BriefMind, Typist, open_whole, typing

SHOWN = {"authorization": "Bearer sesame"}


@asynccontextmanager
async def office(tmp_path: Path, **more: str) -> AsyncIterator[tuple[House, AsyncClient]]:
    """A gateway with books and recordings, and its operator."""
    told = {
        "TRUNKLINE_SERVER__TOKEN": "sesame",
        "TRUNKLINE_STORE__URL": str(tmp_path / "trunkline.db"),
        "TRUNKLINE_STORE__SPILL": str(tmp_path / "spill"),
        "TRUNKLINE_TAPS__RECORDING": str(tmp_path / "recordings"),
        **more,
    }
    async with (
        open_whole(told, BriefMind(call="current_time")) as house,
        AsyncClient(base_url=house.address, headers=SHOWN) as http,
    ):
        yield house, http


async def written(house: House) -> None:
    store = house.gateway.store
    assert store is not None
    await store.writer.wait_written()


async def wait_ended(caller: Typist) -> str:
    async with asyncio.timeout(20):  # the gateway promises 2, where the machine has time for it
        return str((await caller.wait_for("ended"))["reason"])


async def test_a_call_is_shown_while_it_lasts_and_after(tmp_path: Path) -> None:
    async with office(tmp_path) as (house, http):
        async with typing(house, "Ada", "sesame") as caller:
            await caller.ask("Hello")
            await written(house)
            live = (await http.get("/api/calls?status=live")).json()["calls"]
            assert [call["id"] for call in live] == [caller.call_id]
            assert live[0]["live"]
            early = await http.get(f"/api/calls/{caller.call_id}/audio")
            assert early.status_code == 409
        await written(house)
        call = (await http.get(f"/api/calls/{caller.call_id}")).json()
        assert (call["live"], call["reason"], call["tenant"]) == (False, "hung up", "default")
        turns = (await http.get(f"/api/calls/{caller.call_id}/turns")).json()["turns"]
        assert [turn["heard"] for turn in turns] == ["Hello", "Yes."]
        tools = (await http.get(f"/api/calls/{caller.call_id}/tools")).json()["tools"]
        assert [tool["name"] for tool in tools] == ["current_time"]
        usage = (await http.get(f"/api/calls/{caller.call_id}/usage")).json()["usage"]
        assert usage[0]["output_audio"] > 0
        audio = await http.get(f"/api/calls/{caller.call_id}/audio")
        assert audio.content[:4] == b"RIFF"
        part = await http.get(f"/api/calls/{caller.call_id}/audio", headers={"range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, b"RIFF")
        huge = {"range": f"bytes={'9' * 5000}-"}
        whole = await http.get(f"/api/calls/{caller.call_id}/audio", headers=huge)
        assert (whole.status_code, whole.content) == (200, audio.content)
        assert (await http.get("/api/calls?status=live")).json()["calls"] == []
        log = (await http.get("/api/audit")).json()["entries"]
        assert {"sign_in", "tool_run"} <= {entry["kind"] for entry in log}


async def test_pages_of_calls_follow_each_other(tmp_path: Path) -> None:
    async with office(tmp_path) as (house, http):
        ids = []
        for _ in range(3):
            async with typing(house, token="sesame") as caller:
                ids.append(caller.call_id)
        await written(house)
        first = (await http.get("/api/calls?limit=2")).json()
        rest = (await http.get("/api/calls", params={"limit": 2, "cursor": first["next"]})).json()
    seen = [call["id"] for call in first["calls"] + rest["calls"]]
    assert sorted(seen) == sorted(ids)
    assert rest["next"] == ""


@pytest.mark.parametrize("kind", ["call", "caller", "tenant", "everything"])
async def test_the_stop_button_ends_calls_and_is_put_down(tmp_path: Path, kind: str) -> None:
    async with office(tmp_path) as (house, http), typing(house, token="sesame") as caller:
        if kind == "call":
            path, order = f"/api/calls/{caller.call_id}/stop", {"reason": "enough"}
        else:
            target = {"caller": "", "tenant": "default"}.get(kind, "")
            path, order = "/api/stops", {"kind": kind, "target": target, "reason": "enough"}
        answer = await http.post(path, json=order)
        if kind == "caller":  # everybody without a name is nobody in particular
            assert answer.status_code == 400
            return
        assert answer.json() == {"stopped": 1}
        assert await wait_ended(caller) == "enough"
        await written(house)
        log = (await http.get("/api/audit")).json()["entries"]
    assert [entry["kind"] for entry in log if entry["kind"] == "stop"] == ["stop"]


async def test_callers_whom_nobody_has_named_are_stopped_by_the_name_in_the_books(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as (house, http), typing(house, "Ada", "sesame") as caller:
        await written(house)
        (call,) = (await http.get("/api/calls?status=live")).json()["calls"]
        answer = await http.post("/api/stops", json={"kind": "caller", "target": call["caller"]})
        assert answer.json() == {"stopped": 1}
        assert await wait_ended(caller) == "stopped by an operator"


async def test_an_order_to_stop_that_may_be_misread_stops_nobody(tmp_path: Path) -> None:
    async with office(tmp_path) as (house, http), typing(house, token="sesame") as caller:
        for order in (
            {"kind": "everything", "target": "acme"},
            {"kind": "everything", "tenant": "acme"},
            {"kind": "tenant"},
            {"kind": "all"},
        ):
            assert (await http.post("/api/stops", json=order)).status_code == 400
        await caller.ask("Are you there?")


async def test_an_order_to_stop_reaches_another_gateway_of_the_same_books(tmp_path: Path) -> None:
    async with (
        office(tmp_path) as (_, here),
        office(tmp_path) as (house, _),
        typing(house, token="sesame") as caller,
    ):
        answer = await here.post("/api/stops", json={"kind": "everything"})
        assert answer.json() == {"stopped": 0}
        assert await wait_ended(caller) == "stopped by an operator"


async def test_without_books_live_calls_are_known_and_may_be_stopped() -> None:
    async with (
        open_house(BriefMind()) as house,
        AsyncClient(base_url=house.address) as http,
        typing(house) as caller,
    ):
        (call,) = (await http.get("/api/calls")).json()["calls"]
        assert call["id"] == caller.call_id
        turns = await http.get(f"/api/calls/{caller.call_id}/turns")
        assert (turns.status_code, turns.json()["error"]["code"]) == (409, "no_books")
        stopped = await http.post(f"/api/calls/{caller.call_id}/stop")
        assert stopped.json() == {"stopped": 1}
        await wait_ended(caller)


TRICKS: list[Any] = [
    "call_' OR '1'='1",
    "call_%27%3B%20DROP%20TABLE%20calls%3B--",
    "..%2f..%2fetc%2fpasswd",
    "..%5c..%5cboot.ini",
    "%2e%2e",
    "call_%00",
    "call_%ff",
    "*",
    "x" * 5000,
    "\N{PARTY POPPER}",
]


@pytest.mark.parametrize("name", TRICKS)
async def test_tricks_in_ids_find_nothing(tmp_path: Path, name: str) -> None:
    async with office(tmp_path) as (_, http):
        for rest in ("", "/turns", "/audio"):
            answer = await http.get(f"/api/calls/{name}{rest}")
            assert answer.status_code in (404, 400), answer.text
        assert (await http.get("/api/calls")).status_code == 200


async def test_an_address_or_a_method_that_there_is_not_is_a_problem_as_any_other(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as (_, http):
        nothing, strange = await http.get("/api/nothing"), await http.put("/api/calls")
        elsewhere = await http.get("/nothing")
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (404, "not_found")
    assert (strange.status_code, strange.json()["error"]["code"]) == (405, "method_not_allowed")
    assert "GET" in strange.headers["allow"]
    assert (elsewhere.status_code, elsewhere.text) == (404, "Not Found")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=9999",
        "limit=x",
        "status=dead",
        "since=yesterday",
        "since=2026-01-01T00:00:00",
        "cursor=abc",
        "tenant=" + "x" * 300,
    ],
)
async def test_a_query_that_makes_no_sense_is_explained(tmp_path: Path, query: str) -> None:
    async with office(tmp_path) as (_, http):
        answer = await http.get(f"/api/calls?{query}")
    assert answer.status_code == 400
    assert "xpected" in answer.json()["error"]["message"]


async def test_what_a_call_costs_is_told_while_it_lasts(tmp_path: Path) -> None:
    priced = {
        "TRUNKLINE_ASSISTANT__KIND": "compatible",
        "TRUNKLINE_ASSISTANT__MODEL": "gpt-realtime-2.1",
    }
    async with office(tmp_path, **priced) as (house, http), typing(house, token="sesame") as caller:
        await caller.ask("Hello")
        await written(house)
        told = (await http.get(f"/api/calls/{caller.call_id}/usage")).json()
    (line,) = told["usage"]
    spoken = line["output_text"] * 24 + line["output_audio"] * 64
    fresh = line["input_text"] - line["cached_text"]
    read = fresh * 4 + line["cached_text"] * 0.4
    assert told["cost_usd"] == pytest.approx((spoken + read) / 1e6, abs=1e-9)
    assert told["cost_usd"] > 0


async def test_a_call_that_has_spent_its_budget_ends_with_a_goodbye(tmp_path: Path) -> None:
    priced = {
        "TRUNKLINE_ASSISTANT__KIND": "compatible",
        "TRUNKLINE_ASSISTANT__MODEL": "gpt-realtime-2.1",
        "TRUNKLINE_BUDGET__CALL_USD": "0.001",  # less than the first answer costs
    }
    async with office(tmp_path, **priced) as (house, _), typing(house, token="sesame") as caller:
        await caller.ask("Hello")
        ended = await caller.wait_for("ended")
    assert ended["reason"] == "the call's budget is spent"
