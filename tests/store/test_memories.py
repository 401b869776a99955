"""Notes and summaries: each tenant's and caller's apart, bounded, erased together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import pytest
import pytest_asyncio

from gateway.store.commit import commit
from gateway.store.database import Database, open_database
from gateway.store.memories import MOST, TOLD, Memories, forget_memories
from gateway.store.writes import put

ANN, DAY = "+15550100", 86_400_000


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = await open_database(url)
    yield opened
    await opened.close()


@pytest.fixture
def memories(database: Database) -> Memories:
    moments = count(1_000 * DAY, 1000)
    return Memories(database, clock=lambda: next(moments))


async def test_nobody_hears_what_another_caller_or_tenant_had_remembered(
    memories: Memories,
) -> None:
    await memories.put("one", ANN, "code", "0000")
    assert [note.note for note in await memories.find("one", ANN, "code")] == ["0000"]
    for tenant, caller in (("two", ANN), ("", ANN), ("one", "+15550199"), ("one", "")):
        assert await memories.find(tenant, caller) == []
        assert await memories.earlier(tenant, caller, 3, 365) == []


async def test_a_note_on_the_same_matter_takes_the_place_of_the_old_one(
    memories: Memories,
) -> None:
    await memories.put("", "a", "Favourite  seat", "aisle")
    await memories.put("", "a", "favourite seat", "window")
    assert [note.note for note in await memories.find("", "a")] == ["window"]


async def test_what_fits_best_comes_first_and_the_newest_where_nothing_is_asked(
    memories: Memories,
) -> None:
    await memories.put("", "a", "seat", "by the window please")
    await memories.put("", "a", "window", "cleaner comes on Monday")
    await memories.put("", "a", "car", "red\0\ud800")
    assert [note.topic for note in await memories.find("", "a")] == ["car", "window", "seat"]
    found = await memories.find("", "a", "Window cleaner")
    assert [note.topic for note in found] == ["window", "seat"]
    assert await memories.find("", "a", "zebra") == []


async def test_notes_are_bounded_for_each_caller(memories: Memories, database: Database) -> None:
    old = [
        {"tenant": "", "caller": "a", "topic": f"{at}", "note": "x", "at_ms": at}
        for at in range(MOST)
    ]
    await commit(database, [put("notes", row) for row in old])
    await memories.put("", "a", "newest", "kept")
    assert len(await memories.find("", "a")) == TOLD
    assert await memories.find("", "a", "newest")
    async with database.write() as connection:
        assert await forget_memories(connection, "", "a") == MOST


async def test_earlier_calls_are_told_newest_first_and_not_for_ever(
    memories: Memories, database: Database
) -> None:
    for call, at in (("old", 1), ("first", 998 * DAY), ("last", 999 * DAY)):
        row = {"call_id": call, "tenant": "t", "caller": "a", "text": call, "agreed": f"{call}!"}
        await commit(database, [put("summaries", {**row, "at_ms": at})])
    found = await memories.earlier("t", "a", 3, 365)
    assert [(one.text, one.agreed) for one in found] == [("last", "last!"), ("first", "first!")]
    assert found[0].day == "1972-09-26"
    assert len(await memories.earlier("t", "a", 1, 365)) == 1


async def test_a_caller_is_forgotten_and_nobody_else_is(
    memories: Memories, database: Database
) -> None:
    for tenant in ("one", "two"):
        await memories.put(tenant, ANN, "code", tenant)
        row = {"call_id": tenant, "tenant": tenant, "caller": ANN, "text": "t", "agreed": ""}
        await commit(database, [put("summaries", {**row, "at_ms": 999 * DAY})])
    async with database.write() as connection:
        assert await forget_memories(connection, "one", ANN) == 2
    assert await memories.find("one", ANN) == []
    assert [note.note for note in await memories.find("two", ANN)] == ["two"]
    assert len(await memories.earlier("two", ANN, 3, 365)) == 1
