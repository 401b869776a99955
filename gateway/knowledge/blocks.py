"""Blocks: what a document is made of once it has been read: a paragraph, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import TrunklineError

LONGEST_TEXT = 8_000_000  # characters of one document
MOST_BLOCKS = 60_000


class DocumentError(TrunklineError):
    """A document that cannot be taken; says what is wrong with it, and what to do."""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a table's row, a line of a list."""

    text: str
    heading: str = ""  # those above it: Terms > Returns
    place: str = ""  # line 7, page 2, row 5
    whole: bool = False  # a record by itself, which is put together with no other


class Budget:
    """How much text a document may come to; what it unpacks to counts, not what it takes."""

    def __init__(self, characters: int = LONGEST_TEXT, blocks: int = MOST_BLOCKS) -> None:
        self._characters, self._blocks = characters, blocks

    def take(self, block: Block) -> Block:
        """The block. Raises DocumentError where it is too much."""
        self._characters -= len(block.text) + len(block.heading)
        self._blocks -= 1
        if self._characters < 0 or self._blocks < 0:
            raise DocumentError(
                f"it holds more than {LONGEST_TEXT:,} characters or {MOST_BLOCKS:,} paragraphs of"
                " text; divide it into smaller documents"
            )
        return block


class Trail:
    """The headings above where one is."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def enter(self, level: int, name: str) -> None:
        """A heading of that level, counted from 1, begins."""
        above = self._names[: level - 1]
        self._names = [*above, *[""] * (level - 1 - len(above)), " ".join(name.split())[:200]]

    def __str__(self) -> str:
        return " > ".join(filter(None, self._names))
