"""Passages: blocks put together, or cut at sentences, into pieces fit to be found and quoted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.knowledge.blocks import Block

LENGTH = 450  # characters of a passage, about: what an embedding can hold, and a voice can quote
OVERLAP = 150  # characters of the last sentence that the next passage of a paragraph begins with
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document, never across a heading."""

    heading: str
    place: str
    text: str


def passages(blocks: Iterable[Block]) -> Iterator[Passage]:
    """What stands under one heading, as few passages as fit; nothing is lost."""
    kept: list[Block] = []

    def flush() -> Iterator[Passage]:
        if kept:
            first = kept[0]
            yield Passage(first.heading, first.place, "\n".join(block.text for block in kept))
            kept.clear()

    for block in blocks:
        full = sum(len(one.text) + 1 for one in kept) + len(block.text) > LENGTH
        if kept and (full or block.whole or _apart(kept[0], block)):
            yield from flush()
        if len(block.text) > LENGTH:
            for piece in _pieces(block.text):
                yield Passage(block.heading, block.place, piece)
        elif block.whole:
            yield Passage(block.heading, block.place, block.text)
        else:
            kept.append(block)
    yield from flush()


def _apart(first: Block, block: Block) -> bool:
    """Under another heading, or on another page, which is what is cited."""
    turned = block.place.startswith("page ") and block.place != first.place
    return turned or block.heading != first.heading


def _pieces(text: str) -> Iterator[str]:
    """Sentences put together; the last of one piece begins the next. What has none, by length."""
    piece: list[str] = []
    for sentence in _sentences(text):
        if piece and sum(map(len, piece)) + len(piece) + len(sentence) > LENGTH:
            yield " ".join(piece)
            last = piece[-1]
            again = len(piece) > 1 and len(last) <= OVERLAP and len(sentence) + len(last) < LENGTH
            piece = [last] if again else []
        piece.append(sentence)
    if piece:
        yield " ".join(piece)


def _sentences(text: str) -> Iterator[str]:
    for sentence in SENTENCE.split(text):
        while len(sentence) > LENGTH:
            at = sentence.rfind(" ", LENGTH // 2, LENGTH)
            at = at if at > 0 else LENGTH
            yield sentence[:at]
            sentence = sentence[at:].lstrip()
        if sentence:
            yield sentence
