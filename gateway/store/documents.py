"""Documents: the shelves of the books, each tenant's its own; `*` is a shelf for everybody."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import Database
from gateway.store.tables import documents, passages, shelves
from gateway.store.writes import cleaned

EVERYBODY = "*"  # the shelf that is searched for every tenant
BATCH = 500  # rows at once
PAIRED = 8  # words of a question that are looked for two by two

# A word in a heading counts three times as much as one below it.
SQLITE_SEARCH = text(
    "SELECT rowid FROM passage_words WHERE passage_words MATCH :wanted "
    "ORDER BY bm25(passage_words, 0.0, 3.0, 1.0), rowid LIMIT :limit"
)
POSTGRESQL_SEARCH = text(
    "SELECT w.id FROM passage_words w, to_tsquery('english', :wanted) q "
    "WHERE w.words @@ q AND w.shelf = ANY(:shelves) "
    "ORDER BY ts_rank('{0.1, 0.3, 0.4, 0.9}', w.words, q, 1) DESC, w.id LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage to be kept; the vector as the table has it, or none."""

    heading: str
    place: str
    text: str
    vector: bytes | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document on a shelf."""

    tenant: str
    name: str
    kind: str
    hash: str  # SHA-256 of the file
    bytes: int
    passages: int
    added_ms: int
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    """A passage that was found, and where it stands."""

    document: str
    heading: str
    place: str
    text: str


class Documents:
    """The documents of one database. Raises StoreError where it is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ------------------------------------------------------------ what is there

    async def catalogue(
        self, tenant: str | None = None, origin: str | None = None
    ) -> list[Document]:
        """Those of one shelf, or of all."""
        query = select(documents).order_by(documents.c.tenant, documents.c.name)
        if tenant is not None:
            query = query.where(documents.c.tenant == tenant)
        if origin is not None:
            query = query.where(documents.c.origin == origin)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        names = Document.__dataclass_fields__
        return [Document(**{name: row[name] for name in names}) for row in rows]

    async def versions(self, tenants: Sequence[str] | None = None) -> dict[str, int]:
        """Of each shelf that ever held something: it counts up with every change."""
        query = select(shelves.c.tenant, shelves.c.version)
        if tenants is not None:
            query = query.where(shelves.c.tenant.in_(tenants))
        async with self._database.read() as connection:
            return {row.tenant: row.version for row in await connection.execute(query)}

    async def any(self) -> bool:
        """Whether there is a document."""
        async with self._database.read() as connection:
            found = await connection.execute(select(documents.c.id).limit(1))
            return found.first() is not None

    # ------------------------------------------------------------ changes

    async def add(self, document: Document, pieces: Sequence[Piece], model: str) -> None:
        """Put a document on its shelf, whole or not at all; one of its name gives way."""
        head = cleaned({name: getattr(document, name) for name in Document.__dataclass_fields__})
        head |= {"id": secrets.token_hex(12), "passages": len(pieces)}
        whose = {"document_id": head["id"], "tenant": head["tenant"]}
        rows = [
            cleaned({"heading": one.heading, "place": one.place, "text": one.text})
            | {**whose, "shelf": shelf_word(document.tenant), "number": number}
            | {"vector": one.vector, "model": model if one.vector is not None else ""}
            for number, one in enumerate(pieces)
        ]
        async with self._database.change() as connection:
            await self._drop(connection, head["tenant"], head["name"])
            await connection.execute(documents.insert().values(head))
            for at in range(0, len(rows), BATCH):
                await connection.execute(passages.insert(), rows[at : at + BATCH])
            await self._count_up(connection, head["tenant"])
            if len(rows) >= BATCH and not self._database.is_sqlite:
                # Else the planner knows nothing of them until its own look, a minute later.
                await connection.execute(text("ANALYZE passages, passage_words"))

    async def remove(self, tenant: str, name: str) -> bool:
        """Take a document from its shelf; false where there is none of that name."""
        async with self._database.change() as connection:
            gone = await self._drop(connection, tenant, name)
            if gone:
                await self._count_up(connection, tenant)
        return gone

    async def _drop(self, connection: AsyncConnection, tenant: str, name: str) -> bool:
        found = (documents.c.tenant == tenant, documents.c.name == name)
        row = (await connection.execute(select(documents.c.id).where(*found))).first()
        if row is None:
            return False
        await connection.execute(delete(passages).where(passages.c.document_id == row.id))
        await connection.execute(delete(documents).where(documents.c.id == row.id))
        return True

    async def _count_up(self, connection: AsyncConnection, tenant: str) -> None:
        insert = (sqlite if self._database.is_sqlite else postgresql).insert(shelves)
        raised = {"version": shelves.c.version + 1}
        put = insert.on_conflict_do_update(index_elements=["tenant"], set_=raised)
        await connection.execute(put, {"tenant": tenant, "version": 1})

    # ------------------------------------------------------------ vectors

    async def vectors(self, tenants: Sequence[str], model: str, after: int) -> Sequence[Any]:
        """Rows of `id` and `vector` by that model, so many from there on, in the order of ids."""
        query = select(passages.c.id, passages.c.vector)
        query = query.where(passages.c.tenant.in_(tenants), passages.c.id > after)
        query = query.where(passages.c.model == model).order_by(passages.c.id).limit(BATCH)
        async with self._database.read() as connection:
            return (await connection.execute(query)).all()

    async def without(self, model: str, limit: int) -> Sequence[Any]:
        """Some passages that have no vector by that model: `id`, `heading`, `text`."""
        query = select(passages.c.id, passages.c.heading, passages.c.text)
        query = query.where(passages.c.model != model).order_by(passages.c.id).limit(limit)
        async with self._database.read() as connection:
            return (await connection.execute(query)).all()

    async def put_vectors(self, model: str, vectors: Mapping[int, bytes]) -> None:
        """Keep vectors of passages, where those are still there."""
        ids = list(vectors)
        async with self._database.change() as connection:
            for id_, vector in vectors.items():
                row = update(passages).where(passages.c.id == id_)
                await connection.execute(row.values(model=model, vector=vector))
            whose = select(func.distinct(passages.c.tenant)).where(passages.c.id.in_(ids))
            for tenant in (await connection.execute(whose)).scalars().all():
                await self._count_up(connection, tenant)

    # ------------------------------------------------------------ search

    async def by_words(
        self, tenants: Sequence[str], words: Sequence[str], limit: int, *, together: bool = False
    ) -> list[int]:
        """Ids of passages with any of these words, best first; where none has, by their stems.

        `together`: only those with two of the words at least, where there are two.
        """
        if not words:
            return []
        pairs = list(combinations(words[:PAIRED], 2)) if together else []
        ways: list[Sequence[Sequence[str]]] = [pairs or [[word] for word in words]]
        if not together:
            ways.append([[f"{word[:-1]}*"] for word in words if len(word) > 4])
        async with self._database.read() as connection:
            for wanted in filter(None, ways):
                if found := await self._match(connection, tenants, wanted, limit):
                    return found
        return []

    async def _match(
        self,
        connection: AsyncConnection,
        tenants: Sequence[str],
        wanted: Sequence[Sequence[str]],
        limit: int,
    ) -> list[int]:
        """Those with all words of one of the groups; a star behind one stands for any ending."""
        if self._database.is_sqlite:
            told = " OR ".join(f"({' AND '.join(map(_quoted, group))})" for group in wanted)
            ours = " OR ".join(f'"{shelf_word(tenant)}"' for tenant in tenants)
            query = f"shelf : ({ours}) AND {{heading text}} : ({told})"
            found = await connection.execute(SQLITE_SEARCH, {"wanted": query, "limit": limit})
        else:
            query = " | ".join(f"({' & '.join(map(_lexeme, group))})" for group in wanted)
            shelves_ = list(map(shelf_word, tenants))
            given = {"wanted": query, "shelves": shelves_, "limit": limit}
            found = await connection.execute(POSTGRESQL_SEARCH, given)
        return list(found.scalars().all())

    async def quotes(self, tenants: Sequence[str], ids: Iterable[int]) -> dict[int, Quote]:
        """The passages of these ids that are on those shelves."""
        query = select(
            passages.c.id,
            documents.c.name,
            *(passages.c.heading, passages.c.place, passages.c.text),
        )
        query = query.join(documents, documents.c.id == passages.c.document_id)
        query = query.where(passages.c.id.in_(list(ids)), passages.c.tenant.in_(tenants))
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return {row.id: Quote(row.name, row.heading, row.place, row.text) for row in rows}


def _quoted(word: str) -> str:
    """As FTS5 wants it; words are letters, digits and underscores alone."""
    return f'"{word.rstrip("*")}"' + "*" * word.endswith("*")


def _lexeme(word: str) -> str:
    """As to_tsquery wants it."""
    return f"'{word.rstrip('*')}'" + ":*" * word.endswith("*")


def shelf_word(tenant: str) -> str:
    """The tenant as one word that no text has, for the index of words."""
    return "t" + hashlib.sha256(tenant.encode()).hexdigest()[:20]
