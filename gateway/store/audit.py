"""The audit: who did what, in rows that are only added, each bound to the one before by its hash.

    hash = SHA-256 of JSON [previous, seq, id, at_ms, kind, actor, tenant, detail]

A row that was changed, taken out or put in breaks the chain there. Rows cut off at the end do not:
keep the head that `trunkline audit verify` prints, and give it back the next time.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import Database
from gateway.store.tables import audit

BEGINNING = "0" * 64  # in place of the hash of a row before the first
CHAIN_LOCK = 0x61756469  # several gateways add to one chain
PIECE = 1000  # rows read at once


@dataclass(frozen=True, slots=True)
class Link:
    """A row of the audit."""

    seq: int
    id: str
    at_ms: int
    kind: str
    actor: str
    tenant: str
    detail: str
    previous: str
    hash: str

    def expected(self) -> str:
        """The hash that it must have."""
        line = (self.previous, self.seq, self.id, self.at_ms, self.kind, self.actor, self.tenant)
        return hashlib.sha256(msgspec.json.encode((*line, self.detail))).hexdigest()


async def extend(
    connection: AsyncConnection, rows: Sequence[Mapping[str, Any]], is_sqlite: bool
) -> None:
    """Add rows to the chain, but for those that it has already."""
    if not is_sqlite:  # there nobody else writes within our transaction
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CHAIN_LOCK})
    ids = [row["id"] for row in rows]
    there = set((await connection.execute(select(audit.c.id).where(audit.c.id.in_(ids)))).scalars())
    newest = select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
    head = (await connection.execute(newest)).one_or_none()
    seq, previous = (head.seq, head.hash) if head else (0, BEGINNING)
    links = []
    for row in rows:
        if row["id"] in there:
            continue
        there.add(row["id"])
        seq += 1
        link = Link(seq=seq, previous=previous, hash="", **row)
        previous = link.expected()
        links.append({**row, "seq": seq, "previous": link.previous, "hash": previous})
    if links:
        await connection.execute(audit.insert(), links)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the chain holds. `broken` says where it first does not, and how."""

    links: int
    head: str  # seq:hash of the last good row
    broken: str = ""


async def verify(database: Database, noted: str = "") -> Verdict:
    """Follow the chain from its beginning. `noted`: a head of earlier, which must be in it."""
    wanted_seq, _, wanted_hash = noted.partition(":")
    seq, previous = 0, BEGINNING
    met = not noted
    async for link in _links(database):
        if link.seq != seq + 1:
            return Verdict(seq, _head(seq, previous), f"link {seq + 1} is missing")
        if link.previous != previous or link.hash != link.expected():
            told = "does not follow the one before" if link.previous != previous else "was changed"
            return Verdict(seq, _head(seq, previous), f"link {link.seq} ({link.kind}) {told}")
        seq, previous = link.seq, link.hash
        if wanted_seq == str(seq):
            if wanted_hash != previous:
                return Verdict(seq, _head(seq, previous), f"link {seq} is not the one noted")
            met = True
    if not met:
        return Verdict(seq, _head(seq, previous), f"link {seq + 1} is missing, up to the one noted")
    return Verdict(seq, _head(seq, previous))


def _head(seq: int, hashed: str) -> str:
    return f"{seq}:{hashed}"


async def _links(database: Database) -> AsyncIterator[Link]:
    seq = -(2**62)
    while True:
        query = select(audit).where(audit.c.seq > seq).order_by(audit.c.seq).limit(PIECE)
        async with database.read() as connection:
            rows: Sequence[Row[Any]] = (await connection.execute(query)).all()
        for row in rows:
            yield Link(**row._mapping)
        if len(rows) < PIECE:
            return
        seq = rows[-1].seq
