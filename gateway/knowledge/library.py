"""The library: documents are put on a tenant's shelf, and found by their words and their meaning.

A search asks both ways at once and adds up the places that a passage has in both orders, so that
what either finds first comes first (reciprocal rank fusion). By words it asks for two of them in
one passage: one alone, such as "order", leads anywhere, and only fills up what is left. Where
neither way finds anything there is nothing to fill up: the documents do not say.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from collections.abc import Callable, Sequence

from gateway.errors import AssistantError
from gateway.knowledge.blocks import DocumentError
from gateway.knowledge.embedding import Embedder, packed
from gateway.knowledge.index import Index
from gateway.knowledge.parsing import kind_of, parse
from gateway.knowledge.passages import Passage
from gateway.store.documents import EVERYBODY, Document, Documents, Piece, Quote

log = logging.getLogger(__name__)

MOST_PASSAGES = 20_000  # of one document
WAITING = 4  # documents that may wait to be read
LONGEST_NAME = 200  # characters
AT_ONCE = 16  # texts that are embedded together
CANDIDATES = 30  # passages that each way of searching brings
FLATNESS = 60  # of the fusion: how little the first place counts more than the second
ALIKE = 0.2  # likeness of meaning below which a passage has nothing to do with the question
COMMON_WORDS = (  # of English, that say nothing about what is looked for
    "a about above after again against all am an and any are as at be because been before "
    "being below between both but by can could did do does doing don down during each few for "
    "from further get got had has have having he her here hers herself him himself his how i "
    "if in into is it its itself just me more most my myself no nor not now of off on once "
    "only or other our ours ourselves out over own please s same she should so some such t "
    "tell than that the their theirs them themselves then there these they this those through "
    "to too under until up us very was we were what when where which while who whom why will "
    "with would you your yours yourself yourselves"
)
COMMON = frozenset(COMMON_WORDS.split())

Progress = Callable[[int, int], None]  # passages embedded, of how many


class Library:
    """The documents of one store. Its searches need no restart to see what others have added."""

    def __init__(self, documents: Documents, embedder: Embedder | None) -> None:
        self.documents = documents
        self._embedder = embedder
        self._index = Index(documents, embedder.name) if embedder else None
        self._reading = asyncio.Semaphore(1)  # documents read and embedded one after the other
        self._waiting = 0

    # ------------------------------------------------------------ documents

    async def add(
        self,
        tenant: str,
        name: str,
        data: bytes,
        *,
        origin: str = "",
        progress: Progress = lambda done, of: None,
    ) -> Document:
        """Put a document on a shelf, in place of one of its name. Raises DocumentError."""
        name = checked_name(name)
        self._waiting += 1
        try:
            async with self._reading:
                return await self._add(tenant, name, data, origin, progress)
        finally:
            self._waiting -= 1

    @property
    def busy(self) -> bool:
        """Whether so many documents wait to be read that one more had better come later."""
        return self._waiting >= WAITING

    async def _add(
        self, tenant: str, name: str, data: bytes, origin: str, progress: Progress
    ) -> Document:
        found = await parse(name, data)
        if len(found) > MOST_PASSAGES:
            raise DocumentError(
                f"{name}: it makes {len(found):,} passages, and {MOST_PASSAGES:,} are the most;"
                " divide it"
            )
        vectors, model = await self._vectors(found, progress)
        pieces = [
            Piece(one.heading, one.place, one.text, vector)
            for one, vector in zip(found, vectors, strict=True)
        ]
        made = Document(
            *(tenant, name, kind_of(name), hashlib.sha256(data).hexdigest(), len(data)),
            *(len(pieces), time.time_ns() // 1_000_000, origin),
        )
        await self.documents.add(made, pieces, model)
        return made

    async def remove(self, tenant: str, name: str) -> bool:
        """Take a document away; false where there is none of that name."""
        return await self.documents.remove(tenant, name)

    async def _vectors(
        self, found: Sequence[Passage], progress: Progress
    ) -> tuple[list[bytes | None], str]:
        """Where they cannot be made now, words must do until they can."""
        made: list[bytes | None] = []
        if self._embedder is None:
            return [None] * len(found), ""
        try:
            for at in range(0, len(found), AT_ONCE):
                texts = [embedded(one.heading, one.text) for one in found[at : at + AT_ONCE]]
                made += packed(await self._embedder.embed(texts))
                progress(len(made), len(found))
        except AssistantError as error:
            said = {"why": str(error)}
            log.warning("a document can be found by its words only, for now", extra=said)
            return [None] * len(found), ""
        return made, self._embedder.name

    async def fill(self) -> int:
        """Make the vectors that are missing, or are another model's; says how many.

        Raises AssistantError where they cannot be made now.
        """
        if self._embedder is None:
            return 0
        made = 0
        while rows := await self.documents.without(self._embedder.name, AT_ONCE):
            vectors = await self._embedder.embed([embedded(row.heading, row.text) for row in rows])
            kept = dict(zip((row.id for row in rows), packed(vectors), strict=True))
            await self.documents.put_vectors(self._embedder.name, kept)
            made += len(rows)
        return made

    # ------------------------------------------------------------ search

    async def search(self, tenant: str, question: str, limit: int = 4) -> list[Quote]:
        """The passages that fit best, of that tenant's shelf and of everybody's."""
        tenants = sorted({tenant, EVERYBODY})
        wanted = terms(question)
        words, meaning = await asyncio.gather(
            self.documents.by_words(tenants, wanted, CANDIDATES, together=True),
            self._by_meaning(tenants, question),
        )
        best = fused(words, meaning or [])[:limit]
        if len(best) < limit and (best or meaning is None):
            more = await self.documents.by_words(tenants, wanted, CANDIDATES)
            best += [one for one in more if one not in best][: limit - len(best)]
        found = await self.documents.quotes(tenants, best)
        return [found[one] for one in best if one in found]

    async def _by_meaning(self, tenants: Sequence[str], question: str) -> list[int] | None:
        """None where meaning cannot be asked, or no passage has a vector yet."""
        if self._embedder is None or self._index is None or not question.strip():
            return None
        try:
            matrix, (vector,) = await asyncio.gather(
                self._index.matrix(tenants), self._embedder.embed([question])
            )
        except AssistantError as error:
            log.warning("a search goes by words only", extra={"why": str(error)})
            return None
        near = matrix.nearest(vector, CANDIDATES)
        return [one for one, likeness in near if likeness >= ALIKE] if near else None

    async def close(self) -> None:
        """It is needed no more."""
        if self._embedder is not None:
            await self._embedder.close()


def fused(*orders: Sequence[int]) -> list[int]:
    """One order of several: each adds 1 / (60 + place) to what it names."""
    scores: dict[int, float] = {}
    for order in orders:
        for place, one in enumerate(order, start=1):
            scores[one] = scores.get(one, 0.0) + 1 / (FLATNESS + place)
    return sorted(scores, key=lambda one: -scores[one])


def terms(question: str) -> list[str]:
    """The words to look for, at most 32 of them."""
    words = dict.fromkeys(re.findall(r"\w+", question.casefold()))
    return ([word for word in words if word not in COMMON] or list(words))[:32]


def embedded(heading: str, text: str) -> str:
    """What of a passage its vector is made of."""
    return f"{heading}\n{text}" if heading else text


def checked_name(name: str) -> str:
    """A document's name, fit to be shown. Raises DocumentError."""
    plain = " ".join("".join(one if one.isprintable() else " " for one in name).split())
    if not plain or len(plain) > LONGEST_NAME:
        raise DocumentError(f"expected a name of 1 to {LONGEST_NAME} characters for a document")
    return plain
