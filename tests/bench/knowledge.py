"""Search over 10,000 passages, on SQLite and on PostgreSQL: how long it takes, and what it finds.

    python -m tests.bench.knowledge [--passages 10000] [--rounds 6] [--random]

The samples' documents lie among passages made of words of trade, all with real embeddings. Each
question of samples/knowledge is asked so many times, one after the other. With --random the other
passages' vectors are random numbers, which takes a minute less; what is found then proves nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gateway.knowledge.embedding import LocalEmbedder, Vectors, packed, unpacked
from gateway.knowledge.index import Matrix
from gateway.knowledge.library import Library
from gateway.store.database import open_database
from gateway.store.documents import Document, Documents, Piece
from tests import services

SAMPLES = Path(__file__).parents[2] / "samples" / "knowledge"
WORDS = {
    "subject": "boiler printer bicycle contract invoice garden bakery hotel tyre violin ferry visa",
    "verb": "covers replaces delays includes needs cancels renews excludes delivers repairs",
    "thing": "insurance deposits receipts spares signatures orders inspections permits",
}
SUBJECTS, VERBS, THINGS = (words.split() for words in WORDS.values())
WHEN = ("on weekdays", "within ten days", "before the holidays", "free of charge", "by mail")


def filler(count: int) -> Iterator[Piece]:
    """Passages of two sentences, no two the same."""
    dice = random.Random(7)
    for number in range(count):
        said = [
            f"The {dice.choice(SUBJECTS)} number {number} {dice.choice(VERBS)}"
            f" {dice.choice(THINGS)} {dice.choice(WHEN)}."
            for _ in range(2)
        ]
        yield Piece(f"Section {number % 100}", f"page {number // 20}", " ".join(said))


async def embedded(embedder: LocalEmbedder, pieces: list[Piece]) -> list[Piece]:
    """The same, with their vectors."""
    vectors: list[bytes] = []
    for at in range(0, len(pieces), 256):
        vectors += packed(await embedder.embed([one.text for one in pieces[at : at + 256]]))
    return [
        Piece(one.heading, one.place, one.text, vector)
        for one, vector in zip(pieces, vectors, strict=True)
    ]


def at_random(pieces: list[Piece]) -> list[Piece]:
    """The same, with vectors that mean nothing."""
    vectors = np.random.default_rng(7).normal(size=(len(pieces), 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = packed(vectors)
    return [
        Piece(one.heading, one.place, one.text, row) for one, row in zip(pieces, rows, strict=True)
    ]


async def fill(library: Library, embedder: LocalEmbedder, pieces: list[Piece]) -> int:
    """The samples among the others; says how many passages there are."""
    count = len(pieces)
    for at in range(0, len(pieces), 500):
        part = pieces[at : at + 500]
        made = Document("t", f"filler {at}.md", "md", "", 0, len(part), 1)
        await library.documents.add(made, part, embedder.name)
    for file in sorted(SAMPLES.iterdir()):
        if file.suffix != ".toml":
            count += (await library.add("t", file.name, file.read_bytes())).passages
    return count


async def measure(name: str, url: str, pieces: list[Piece], rounds: int) -> None:
    """Ask, and print."""
    embedder = LocalEmbedder()
    database = await open_database(url)
    library = Library(Documents(database), embedder)
    count = await fill(library, embedder, pieces)
    asked = tomllib.loads((SAMPLES / "questions.toml").read_text())["question"]
    began = time.perf_counter()
    await library.search("t", "warm up")
    first = time.perf_counter() - began
    first_places = among_three = 0
    times: list[float] = []
    worked = time.process_time()
    for number in range(rounds):
        for one in asked:
            began = time.perf_counter()
            quotes = await library.search("t", one["ask"], 3)
            times.append(time.perf_counter() - began)
            fits = [one["answer"] in " ".join(quote.text.split()) for quote in quotes]
            first_places += number == 0 and fits[:1] == [True]
            among_three += number == 0 and any(fits)
    worked = (time.process_time() - worked) / len(times) * 1000
    times.sort()
    p50, p95 = times[len(times) // 2] * 1000, times[int(len(times) * 0.95)] * 1000
    print(
        f"{name:<11} {count:,} passages  p50 {p50:5.1f} ms  p95 {p95:5.1f} ms"
        f"  CPU here {worked:.1f} ms  first place {first_places}/{len(asked)}"
        f"  first three {among_three}/{len(asked)}"
        f"  matrix read in {first:.2f} s"
    )
    await library.close()
    await database.close()


async def parts(embedder: LocalEmbedder, vectors: Vectors) -> None:
    """What a search is made of beside the database: embedding, and the product."""
    ids = vectors[:, 0].astype("int64")
    matrix = Matrix({}, ids, vectors)
    embedding, product = [], []
    for number in range(50):
        began = time.perf_counter()
        (vector,) = await embedder.embed([f"How much is the delivery of number {number}?"])
        between = time.perf_counter()
        matrix.nearest(vector, 30)
        embedding.append(between - began)
        product.append(time.perf_counter() - between)
    middle = len(embedding) // 2
    print(
        f"of that: the question's vector {sorted(embedding)[middle] * 1000:.1f} ms, "
        f"the product {sorted(product)[middle] * 1000:.1f} ms (p50)"
    )


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--random", action="store_true")
    args = parser.parse_args()
    embedder = LocalEmbedder()
    began = time.perf_counter()
    pieces = list(filler(args.passages))
    pieces = at_random(pieces) if args.random else await embedded(embedder, pieces)
    each = (time.perf_counter() - began) / max(args.passages, 1) * 1000
    print(f"vectors {each:.1f} ms a passage; load of the machine {os.getloadavg()[0]:.1f}")
    await parts(embedder, unpacked([one.vector for one in pieces if one.vector is not None]))
    with tempfile.TemporaryDirectory() as folder:
        await measure("SQLite", str(Path(folder) / "books.db"), pieces, args.rounds)
    with services.postgres() as server:
        await measure("PostgreSQL", server.url, pieces, args.rounds)


if __name__ == "__main__":
    asyncio.run(main())
