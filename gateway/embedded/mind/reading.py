"""An utterance while it is read: its tokens, and which of them have been used."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.embedded.mind.words import Token, tokens


@dataclass(frozen=True, slots=True)
class Found:
    """A value and the tokens that it was read from."""

    value: Any
    start: int
    end: int
    weight: float = 1.0


@dataclass(slots=True)
class Reading:
    """An utterance as tokens, with what has been read from it so far."""

    text: str
    now: datetime
    asked: str = ""  # the parameter that the assistant just asked for
    tokens: list[Token] = field(init=False)
    taken: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tokens = tokens(self.text)

    def free(self, start: int, end: int) -> bool:
        return not self.taken & set(range(start, end))

    def take(self, found: Found) -> None:
        self.taken |= set(range(found.start, found.end))

    def span(self, start: int, end: int) -> str:
        return self.text[self.tokens[start].start : self.tokens[end - 1].end]

    def range_of(self, start: int, end: int) -> tuple[int, int]:
        """The range of tokens that begin in a range of characters."""
        inside = [at for at, token in enumerate(self.tokens) if start <= token.start < end]
        return (inside[0], inside[-1] + 1) if inside else (0, 0)
