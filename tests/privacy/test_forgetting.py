"""Forgetting: after it no byte of a caller is left, neither in a table nor in a file."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import select

from gateway.commands.forget import run as run_forget
from gateway.errors import SettingsError
from gateway.privacy.aside import aside
from gateway.privacy.custodian import Custodian, NothingHeldError, Retention
from gateway.privacy.places import holders
from gateway.settings import Settings, load
from gateway.store.audit import verify
from gateway.store.database import Database, open_database
from gateway.store.erasing import Erasing
from gateway.store.store import Store, open_store
from gateway.store.tables import metadata
from gateway.store.writes import Write, put
from tests import services

CALLER = "+493055512345"
WORDS = "the parrot is purple"
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def postgres() -> Iterator[services.Postgres]:
    with services.postgres() as server:
        yield server


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "trunkline.db")
        return
    server: services.Postgres = request.getfixturevalue("postgres")
    yield server.url
    await server.empty()


def settings_for(folder: Path, url: str) -> Settings:
    told = {"TRUNKLINE_STORE__URL": url, "TRUNKLINE_STORE__SPILL": str(folder / "spill")}
    for name in ("JOURNAL", "RECORDING", "TRANSCRIPTS"):
        told[f"TRUNKLINE_TAPS__{name}"] = str(folder / name.lower())
    return load(None, told)


@asynccontextmanager
async def kept(tmp_path: Path, url: str, days: float = 0) -> AsyncIterator[tuple[Store, Custodian]]:
    settings = settings_for(tmp_path, url)
    async with open_store(url, tmp_path / "spill") as store:
        erasing = Erasing(store.database)
        retention = Retention(days, {"acme": 1.0})
        places = holders(settings, store.database)
        yield store, Custodian(erasing, places, store.audit, store.writer, retention)


def call(store: Store, call_id: str, *, ended_ms: int | None = 2, **other: Any) -> None:
    """A call of the caller, with words, a tool, and something that was remembered."""
    whose = {"tenant": "default", "caller": CALLER, **other}
    heading = {"address": whose["caller"], "metadata": {"from": whose["caller"]}}
    row = {"id": call_id, "began_ms": 1, "ended_ms": ended_ms, **heading}
    rows: list[Write] = [
        put("calls", row | whose),
        put("turns", {"call_id": call_id, "item_id": "a", "said": WORDS, "cut": False}),
        put("tool_calls", {"call_id": call_id, "tool_call_id": "t", "arguments": WORDS}),
        put("summaries", {"call_id": call_id, "text": WORDS, **whose}),
        put("notes", {"topic": "pet", "note": WORDS, **whose}),
        put("usage", {"call_id": call_id, "response_id": "r", "tenant": whose["tenant"]}),
    ]
    for one in rows:
        store.writer.add(one)


def files(folder: Path, call_id: str) -> None:
    for name in ("journal", "recording", "transcripts"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / f"{call_id}.x").write_text(f"{CALLER} {WORDS}")


def found_in_files(folder: Path) -> list[str]:
    wanted = (CALLER.encode(), WORDS.encode(), b"parrot")
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and any(one in path.read_bytes() for one in wanted)
    ]


async def found_in_tables(database: Database) -> list[str]:
    found = []
    async with database.read() as connection:
        for name, table in metadata.tables.items():
            rows = (await connection.execute(select(table))).all()
            found += [name for row in rows if CALLER in str(row) or "parrot" in str(row)]
    return found


async def test_no_byte_of_a_caller_is_left_anywhere(tmp_path: Path, url: str) -> None:
    async with kept(tmp_path, url) as (store, custodian):
        for number in range(30):
            call(store, f"call_{number}")
        files(tmp_path, "call_1")
        call(store, "call_other", caller="somebody else")
        await store.writer.wait_written()
        assert await found_in_tables(store.database)
        done = await custodian.forget("default", CALLER)
        assert (done.calls, done.live) == (30, 0)
        assert done.things > 100
        await store.writer.wait_written()
        rows = await store.reading.turns("call_other")
        assert [row["said"] for row in rows] == [WORDS]
        with pytest.raises(NothingHeldError):
            await custodian.forget("default", CALLER)
        await custodian.forget("default", "somebody else")
        await store.writer.wait_written()
        assert await found_in_tables(store.database) == []
        assert found_in_files(tmp_path) == []
        verdict = await verify(store.database)
        assert (verdict.broken, verdict.links) == ("", 3)
    assert found_in_files(tmp_path) == []


async def test_a_live_call_goes_on_and_is_erased_after_its_end(tmp_path: Path, url: str) -> None:
    async with kept(tmp_path, url) as (store, custodian):
        call(store, "call_live", ended_ms=None)
        call(store, "call_past")
        done = await custodian.forget("default", CALLER)
        assert (done.calls, done.live) == (1, 1)
        assert await store.reading.call("call_live") is not None
        await custodian.look()
        assert await store.reading.call("call_live") is not None
        call(store, "call_live", ended_ms=9)
        files(tmp_path, "call_live")
        await store.writer.wait_written()
        await custodian.look()
        assert await found_in_tables(store.database) == []
        assert found_in_files(tmp_path) == []


async def test_another_gateway_erases_what_lies_on_its_own_disk(tmp_path: Path) -> None:
    url = str(tmp_path / "trunkline.db")
    async with kept(tmp_path / "one", url) as (store, here):
        call(store, "call_1")
        (tmp_path / "two").mkdir()
        files(tmp_path / "two", "call_1")
        await here.forget("default", CALLER)
        async with kept(tmp_path / "two", url) as (_, there):
            await there.look()
        assert found_in_files(tmp_path / "two") == []


async def test_calls_are_erased_when_they_are_older_than_their_tenant_keeps_them(
    tmp_path: Path, url: str
) -> None:
    now_ms = time.time_ns() // 1_000_000
    async with kept(tmp_path, url, days=10) as (store, custodian):
        for tenant, age in (("acme", 2), ("acme", 0.5), ("globex", 2), ("globex", 11)):
            call(store, f"{tenant}_{age}", tenant=tenant, ended_ms=now_ms - round(age * DAY_MS))
        await store.writer.wait_written()
        assert await custodian.tidy() == 2
        assert await store.reading.call("acme_2") is None
        assert await store.reading.call("globex_11") is None
        for call_id in ("acme_0.5", "globex_2"):
            assert await store.reading.call(call_id) is not None


async def test_files_of_calls_that_no_book_knows_are_erased_at_the_longest_age(
    tmp_path: Path,
) -> None:
    now = time.time()
    for call_id, days in (("call_old", 11), ("call_new", 9), ("call_known", 11), ("notes", 11)):
        files(tmp_path, call_id)
        for path in tmp_path.glob(f"*/{call_id}.x"):
            os.utime(path, (now - days * 86_400,) * 2)
    url = str(tmp_path / "trunkline.db")
    async with kept(tmp_path, url) as (_, forever):
        assert await forever.tidy() == 0, "some are kept for ever, and these may be theirs"
    async with kept(tmp_path, url, days=10) as (store, custodian):
        call(store, "call_known", ended_ms=round(now * 1000))
        await store.writer.wait_written()
        assert await custodian.tidy() == 1
        assert await custodian.tidy() == 0
    left = {path.stem for path in (tmp_path / "recording").iterdir()}
    assert left == {path.stem for path in (tmp_path / "journal").iterdir()}
    assert left == {"call_new", "call_known", "notes"}


async def test_rows_that_a_gateway_left_on_disk_are_forgotten_with_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = str(tmp_path / "trunkline.db")
    async with kept(tmp_path, url) as (store, _):
        call(store, "call_1")
    spill = tmp_path / "spill.1"
    left = [
        put("turns", {"call_id": "call_1", "item_id": "b", "said": WORDS, "cut": False}),
        put("usage", {"call_id": "other", "response_id": "r", "tenant": "default"}),
    ]
    spill.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in left))
    config = tmp_path / "trunkline.toml"
    config.write_text(f'[store]\nurl = "{url}"\nspill = "{tmp_path / "spill"}"\n')

    class Arguments:
        caller, tenant, call = CALLER, None, ()

    Arguments.config = config  # type: ignore[attr-defined]
    assert await aside(run_forget, Arguments) == 0  # type: ignore[arg-type]
    assert "1 call is erased" in capsys.readouterr().out
    assert found_in_files(tmp_path) == []
    database = await open_database(url)
    try:
        assert await found_in_tables(database) == []
    finally:
        await database.close()


async def test_a_call_of_nobody_known_is_forgotten_by_its_id(tmp_path: Path) -> None:
    async with kept(tmp_path, str(tmp_path / "trunkline.db")) as (store, custodian):
        call(store, "call_1", caller="")
        files(tmp_path, "call_1")
        await store.writer.wait_written()
        with pytest.raises(NothingHeldError):
            await custodian.forget("default", "")
        await custodian.forget_calls(["call_1"])
        assert await store.reading.call("call_1") is None
        assert not list((tmp_path / "recording").iterdir())
        with pytest.raises(NothingHeldError):
            await custodian.forget_calls(["call_1"])


@pytest.mark.parametrize("whose", ["", ".tenants.acme"], ids=["all", "a tenant"])
def test_an_age_that_nobody_could_see_to_is_refused(tmp_path: Path, whose: str) -> None:
    path = tmp_path / "trunkline.toml"
    path.write_text(f"[privacy{whose}]\nretention_days = 30\n")
    with pytest.raises(SettingsError, match=rf"privacy{whose}\.retention_days needs store\.url"):
        load(path, {})
