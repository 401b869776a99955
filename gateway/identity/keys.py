"""API keys: long random words, of which the database has only the hash."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, update

from gateway.identity.who import Identity, NoKeyError, known
from gateway.recent import keep
from gateway.store.database import Database, StoreError
from gateway.store.tables import api_keys

PREFIX = "tl_"
SHAPE = re.compile(r"(tl_[0-9a-f]{16})_([A-Za-z0-9_-]{43})")
MEMORY = 10_000  # keys that are remembered for when the database is away
TRUST_SECONDS = 300.0  # and for how long


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key; its secret was shown once and is not kept."""

    id: str
    tenant: str
    name: str
    scopes: frozenset[str]
    created_ms: int
    expires_ms: int | None = None
    revoked_ms: int | None = None
    successor: str = ""

    @property
    def identity(self) -> Identity:
        """Who shows it. A key is no caller: many may call with a server's."""
        expires = (self.expires_ms or 0) / 1000
        return Identity("key", self.id, self.tenant, "", self.scopes, expires)


def looks_like_key(word: str) -> bool:
    """Whether that is meant as one of ours."""
    return word.startswith(PREFIX)


class Keyring:
    """The keys of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: dict[str, tuple[float, Key, str]] = {}

    @property
    def database(self) -> Database:
        """Where they are."""
        return self._database

    async def add(
        self, tenant: str, name: str, scopes: Collection[str], expires_ms: int | None = None
    ) -> tuple[Key, str]:
        """A new key, and its word, which is shown this once."""
        key, word, row = _made(tenant, name, scopes, expires_ms)
        async with self._database.change() as connection:
            await connection.execute(api_keys.insert().values(row))
        return key, word

    async def list(self, tenant: str | None = None) -> Sequence[Key]:
        """All keys, or one tenant's, the newest first."""
        query = select(api_keys).order_by(api_keys.c.created_ms.desc(), api_keys.c.id)
        if tenant is not None:
            query = query.where(api_keys.c.tenant == tenant)
        async with self._database.read() as connection:
            return [_key(row) for row in await connection.execute(query)]

    async def find(self, key_id: str) -> Key:
        """The key of that id. Raises NoKeyError."""
        async with self._database.read() as connection:
            row = (await connection.execute(_of(key_id))).one_or_none()
        if row is None:
            raise NoKeyError(f"There is no key {key_id[:40]!r}; see: trunkline keys list")
        return _key(row)

    async def rotate(self, key_id: str, grace_seconds: float) -> tuple[Key, str]:
        """A new key in place of this one, which works for so long yet. Raises NoKeyError."""
        old = await self.find(key_id)
        over = NoKeyError(f"The key {key_id} works no more; add another instead.")
        if old.revoked_ms is not None or _is_over(old):
            raise over
        key, word, row = _made(old.tenant, old.name, old.scopes, old.expires_ms)
        end = _now() + round(grace_seconds * 1000)
        if old.expires_ms is not None:
            end = min(end, old.expires_ms)
        async with self._database.change() as connection:
            this = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_ms.is_(None))
            done = await connection.execute(this.values(expires_ms=end, successor=key.id))
            if not done.rowcount:  # it was revoked just now, and has no heir
                raise over
            await connection.execute(api_keys.insert().values(row))
        return key, word

    async def revoke(self, key_id: str) -> Key:
        """The key works no more, at once. Raises NoKeyError."""
        self._seen.pop(key_id, None)
        key = await self.find(key_id)
        if key.revoked_ms is None:
            async with self._database.change() as connection:
                this = update(api_keys).where(api_keys.c.id == key_id)
                await connection.execute(this.values(revoked_ms=_now()))
        return key

    async def revoked(self, key_ids: Collection[str]) -> set[str]:
        """Those of the keys that have been revoked. (Of those that expire, a call knows when.)"""
        gone = select(api_keys.c.id).where(
            api_keys.c.id.in_(key_ids), api_keys.c.revoked_ms.is_not(None)
        )
        async with self._database.read() as connection:
            found = set((await connection.execute(gone)).scalars())
        for key_id in found:
            self._seen.pop(key_id, None)
        return found

    async def verify(self, word: str) -> Key | None:
        """The key that this word opens with; nothing where it opens nothing."""
        shape = SHAPE.fullmatch(word)
        if shape is None:
            return None
        found = await self._look_up(shape[1])
        if found is None or not hmac.compare_digest(found[1], _hash(word)):
            return None
        key = found[0]
        return None if key.revoked_ms is not None or _is_over(key) else key

    async def _look_up(self, key_id: str) -> tuple[Key, str] | None:
        """A key and its hash; while the database is away, as it was a while ago."""
        try:
            async with self._database.read() as connection:
                row = (await connection.execute(_of(key_id))).one_or_none()
        except StoreError:
            at, key, hashed = self._seen.get(key_id, (float("-inf"), None, ""))
            if key is None or time.monotonic() - at > TRUST_SECONDS:
                raise
            return key, hashed
        self._seen.pop(key_id, None)
        if row is None:
            return None
        key = _key(row)
        keep(self._seen, key_id, (time.monotonic(), key, row.hash), MEMORY)
        return key, row.hash


def _made(
    tenant: str, name: str, scopes: Collection[str], expires_ms: int | None
) -> tuple[Key, str, Mapping[str, Any]]:
    key_id = PREFIX + secrets.token_hex(8)
    word = f"{key_id}_{secrets.token_urlsafe(32)}"
    key = Key(key_id, tenant, name, frozenset(scopes), _now(), expires_ms)
    row = {"id": key.id, "hash": _hash(word), "tenant": tenant, "name": name}
    row |= {"scopes": " ".join(sorted(scopes))}
    return key, word, row | {"created_ms": key.created_ms, "expires_ms": expires_ms}


def _of(key_id: str) -> Any:
    return select(api_keys).where(api_keys.c.id == key_id)


def _key(row: Row[Any]) -> Key:
    scopes = known(row.scopes.split())
    times = (row.created_ms, row.expires_ms, row.revoked_ms)
    return Key(row.id, row.tenant, row.name, scopes, *times, row.successor)


def _hash(word: str) -> str:
    """A quick hash will do: nobody tries out 256 random bits."""
    return hashlib.sha256(word.encode()).hexdigest()


def _is_over(key: Key) -> bool:
    return key.expires_ms is not None and key.expires_ms <= _now()


def _now() -> int:
    return time.time_ns() // 1_000_000
