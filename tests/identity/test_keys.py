"""API keys: shown once, kept as hashes, rotated, revoked, and remembered for an outage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select, text

from gateway.identity import keys
from gateway.identity.keys import Keyring
from gateway.identity.who import NoKeyError
from gateway.store.database import Database, StoreError, open_database
from gateway.store.tables import api_keys


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database(str(tmp_path / "trunkline.db"))
    yield opened
    await opened.close()


async def test_a_key_opens_with_its_word_alone(database: Database) -> None:
    keyring = Keyring(database)
    key, word = await keyring.add("acme", "the shop", {"calls:place", "calls:read"})
    found = await keyring.verify(word)
    assert found == key
    assert found.identity.tenant == "acme"
    assert found.identity.may("calls:read")
    assert not found.identity.may("keys")
    other = word[:-1] + ("A" if word[-1] != "A" else "B")
    for wrong in (other, word + "A", word[:-1], key.id, f"{key.id}_", "tl_", "' OR 1=1 --", ""):
        assert await keyring.verify(wrong) is None, wrong


async def test_the_database_has_no_word(database: Database) -> None:
    _, word = await Keyring(database).add("acme", "", {"keys"})
    async with database.read() as connection:
        (row,) = (await connection.execute(select(api_keys))).all()
    assert word not in str(row)
    assert word.rpartition("_")[2] not in str(row)


async def test_a_revoked_key_opens_nothing_from_then_on(database: Database) -> None:
    keyring = Keyring(database)
    key, word = await keyring.add("acme", "", {"keys"})
    assert await keyring.revoked({key.id}) == set()
    await keyring.revoke(key.id)
    assert await keyring.verify(word) is None
    assert await keyring.revoked({key.id, "tl_other"}) == {key.id}
    with pytest.raises(NoKeyError, match="There is no key 'tl_x'"):
        await keyring.revoke("tl_x")


async def test_a_rotated_key_works_until_its_grace_is_over(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = Keyring(database)
    old, old_word = await keyring.add("acme", "shop", {"calls:place"})
    new, new_word = await keyring.rotate(old.id, grace_seconds=60)
    assert (new.tenant, new.name, new.scopes) == (old.tenant, old.name, old.scopes)
    assert await keyring.verify(old_word) is not None
    assert (await keyring.find(old.id)).successor == new.id
    later = keys._now() + 61_000
    monkeypatch.setattr(keys, "_now", lambda: later)
    assert await keyring.verify(old_word) is None
    assert await keyring.verify(new_word) is not None
    with pytest.raises(NoKeyError, match="works no more"):
        await keyring.rotate(old.id, 0)


async def test_a_key_that_is_revoked_while_it_is_rotated_has_no_heir(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = Keyring(database)
    old, _ = await keyring.add("acme", "shop", {"calls:place"})
    find = keyring.find

    async def found_and_then_revoked(key_id: str) -> keys.Key:
        found = await find(key_id)
        await Keyring(database).revoke(key_id)
        return found

    monkeypatch.setattr(keyring, "find", found_and_then_revoked)
    with pytest.raises(NoKeyError, match="works no more"):
        await keyring.rotate(old.id, 60)
    assert [key.id for key in await keyring.list()] == [old.id]


async def test_an_expired_key_is_none_and_a_clock_set_back_does_not_bring_back_a_revoked_one(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = Keyring(database)
    _, expired = await keyring.add("acme", "", {"keys"}, expires_ms=keys._now() - 1)
    assert await keyring.verify(expired) is None
    key, word = await keyring.add("acme", "", {"keys"})
    await keyring.revoke(key.id)
    monkeypatch.setattr(keys, "_now", lambda: 0)
    assert await keyring.verify(word) is None


async def test_keys_are_listed_by_tenant(database: Database) -> None:
    keyring = Keyring(database)
    for tenant in ("acme", "acme", "globex"):
        await keyring.add(tenant, "", {"keys"})
    assert len(await keyring.list()) == 3
    assert {key.tenant for key in await keyring.list("acme")} == {"acme"}


async def test_a_key_seen_before_opens_while_the_database_is_away(database: Database) -> None:
    keyring = Keyring(database)
    _, word = await keyring.add("acme", "", {"calls:place"})
    _, unseen = await keyring.add("acme", "", {"calls:place"})
    assert await keyring.verify(word) is not None
    async with database.write() as connection:
        await connection.execute(text("ALTER TABLE api_keys RENAME TO away"))
    assert await keyring.verify(word) is not None
    assert await keyring.verify(word[:-2]) is None
    with pytest.raises(StoreError, match="does not answer"):
        await keyring.verify(unseen)
