"""Whole calls in the books: what was said and done in them, and how those ended that could not."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from sqlalchemy import update

from gateway.cli import main
from gateway.store.database import open_database
from gateway.store.presence import CRASHED, Presence
from gateway.store.reading import CallFilter, Reading
from gateway.store.tables import gateways
from gateway.store.writer import open_writer
from gateway.store.writes import change, put
from tests.whole import BriefMind, open_whole, typing


def settings(url: str, tmp_path: Path) -> dict[str, str]:
    return {"TRUNKLINE_STORE__URL": url, "TRUNKLINE_STORE__SPILL": str(tmp_path / "spill")}


async def test_a_call_stands_in_the_books_with_all_that_was_said_and_done(
    url: str, tmp_path: Path
) -> None:
    mind = BriefMind("Late.", call="current_time")
    async with open_whole(settings(url, tmp_path), mind) as house:
        async with typing(house, "Ada") as caller:
            await caller.ask("What time is it?")
        store = house.gateway.store
        assert store is not None
        await store.writer.wait_written()
        call = await store.reading.call(caller.call_id)
        assert call is not None
        assert (call["caller"], call["via"], call["reason"]) == ("Ada", "browser", "hung up")
        assert call["ended_ms"] > call["began_ms"]
        turns = await store.reading.turns(caller.call_id)
        assert [(turn["who"], turn["heard"]) for turn in turns] == [
            ("caller", "What time is it?"),
            ("assistant", "Late."),
        ]
        (tool,) = await store.reading.tools(caller.call_id)
        assert (tool["name"], tool["status"]) == ("current_time", "done")
        assert tool["ended_at"] >= tool["began_at"]
        (usage,) = await store.reading.usage(caller.call_id)
        assert usage["responses"] == 2
        assert usage["output_audio"] > 0
        figures = house.gateway.metrics.page().decode()
        assert "trunkline_store_lost_rows_total 0.0" in figures


async def test_the_calls_of_a_gateway_that_crashed_are_closed_at_the_next_start(
    url: str, tmp_path: Path
) -> None:
    database = await open_database(url)
    dead = Presence(database)
    await dead.begin()
    async with open_writer(database, tmp_path / "spill") as writer:
        row = {"gateway": dead.id, "metadata": {}, "began_ms": 5}
        writer.add(put("calls", {**row, "id": "call_open"}))
        writer.add(put("calls", {**row, "id": "call_done", "ended_ms": 6, "reason": "hung up"}))
        await writer.wait_written()
    async with database.write() as connection:  # as one of a machine that is gone
        gone = {"host": "elsewhere", "pid": os.getpid(), "seen_ms": 1000}
        await connection.execute(update(gateways).values(gone))
    alive = Presence(database)
    assert await alive.begin() == 1
    reading = Reading(database)
    crashed, done = await reading.call("call_open"), await reading.call("call_done")
    assert crashed is not None
    assert done is not None
    assert (crashed["ended_ms"], crashed["reason"]) == (1000, CRASHED)
    assert (done["ended_ms"], done["reason"]) == (6, "hung up")
    spoken = {"call_id": "call_open", "item_id": "i", "ended_at": 90_000, "cut": False}
    async with open_writer(database, tmp_path / "spill") as writer:
        writer.add(change("calls", {"id": "call_open", "ended_ms": None}))
        writer.add(put("turns", spoken))
        await writer.wait_written()
    assert await Presence(database).begin() == 1
    crashed = await reading.call("call_open")
    assert crashed is not None
    assert crashed["ended_ms"] == 5 + 90_000  # it was heard of so late
    assert await Presence(database).begin() == 0
    await database.close()


async def test_calls_are_read_page_by_page_newest_first(url: str, tmp_path: Path) -> None:
    database = await open_database(url)
    async with open_writer(database, tmp_path / "spill") as writer:
        for number in range(25):
            row = {"id": f"call_{number:02}", "began_ms": number // 2, "metadata": {}}
            ended = None if number == 3 else 99
            writer.add(put("calls", {**row, "tenant": "ab"[number % 2], "ended_ms": ended}))
        await writer.wait_written()
    reading = Reading(database)
    seen: list[str] = []
    cursor = ""
    while True:
        page = await reading.calls(CallFilter(), 10, cursor)
        seen += [row["id"] for row in page.rows]
        if not (cursor := page.cursor):
            break
    assert seen == [f"call_{number:02}" for number in reversed(range(25))]
    some = await reading.calls(CallFilter(tenant="b", since_ms=2, until_ms=5), 10)
    assert [row["id"] for row in some.rows] == ["call_09", "call_07", "call_05"]
    live = await reading.calls(CallFilter(status="live"), 10)
    assert [row["id"] for row in live.rows] == ["call_03"]
    for bad in ("x", "bnVsbA", "!!!", "a" * 1000):
        with pytest.raises(ValueError, match="cursor"):
            await reading.calls(CallFilter(), 10, bad)
    await database.close()


async def test_the_command_shows_the_books(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = settings(str(tmp_path / "trunkline.db"), tmp_path)
    async with open_whole(told, BriefMind()) as house, typing(house, "Ada") as caller:
        await caller.ask("Do you hear me?")
    for name, value in told.items():
        monkeypatch.setenv(name, value)

    def shown(*arguments: str) -> str:
        assert main(["calls", *arguments]) == 0
        return capsys.readouterr().out

    listed = await asyncio.to_thread(shown)
    assert caller.call_id in listed
    assert "Ada" in listed
    assert "assistant Yes." in await asyncio.to_thread(shown, caller.call_id)
    (row,) = json.loads(await asyncio.to_thread(shown, "--json"))["calls"]
    assert row["reason"] == "hung up"
    assert await asyncio.to_thread(main, ["calls", "call_unknown"]) == 2
    assert "There is no call 'call_unknown'" in capsys.readouterr().err
