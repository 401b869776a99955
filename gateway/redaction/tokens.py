"""Text as tokens: what each may mean where a number or an address is spelled."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.redaction.vocabulary import DIGITS, FILLERS, LETTERS, PLUS, TENS, TIMES, WHOLE

_PIECE = re.compile(r"(\d+)|([^\W\d_]+)|(\s+)|(.)", re.DOTALL)
SEPARATORS = frozenset("-\u2010\u2011\u2012\u2013\u2014.,/()[]\u00b7'\u2019\"")
_TENS = {word: tens + "0" for word, tens in TENS.items()}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text, in lower case; `digits` that it stands for, if it does."""

    text: str
    start: int
    end: int
    digits: str = ""
    spoken: bool = False
    space: bool = False

    @property
    def letter(self) -> str:
        """The one letter that it may stand for, or nothing."""
        if len(self.text) == 1 and self.text.isalpha():
            return self.text
        return LETTERS.get(self.text, "")

    @property
    def gap(self) -> bool:
        """Whether it may stand between the digits of one number."""
        return self.space or self.text in SEPARATORS or self.text in FILLERS

    @property
    def plus(self) -> bool:
        """Whether an international number may begin with it."""
        return self.text in PLUS

    @property
    def times(self) -> int:
        """How often it has the next digit said: double, triple."""
        return TIMES.get(self.text, 0)


def tokens(text: str) -> list[Token]:
    """The text in pieces, without a gap between them. Number words hold their digits."""
    return [_token(match) for match in _PIECE.finditer(text)]


def is_between(text: str) -> bool:
    """Whether all of it may stand between the digits of one number, as "Yes." may."""
    return all(piece.gap for piece in tokens(text))


def _token(match: re.Match[str]) -> Token:
    digits, word, space, _ = match.groups()
    start, end = match.span()
    if digits:
        plain = "".join(str(unicodedata.decimal(one)) for one in digits)
        return Token(plain, start, end, plain)
    if space:
        return Token(" ", start, end, space=True)
    lower = match.group().lower()
    if word:
        spoken = (
            DIGITS.get(lower) or WHOLE.get(lower) or (TENS[lower] + "0" if lower in TENS else "")
        )
        return Token(lower, start, end, spoken, spoken=bool(spoken))
    return Token(lower, start, end)


def joined_tens(pieces: list[Token]) -> Iterator[Token]:
    """The same, with tens and the unit that follows as one: "forty one", "forty-one"."""
    at = 0
    while at < len(pieces):
        piece = pieces[at]
        after = pieces[at + 1 : at + 3]
        if piece.text in TENS and len(after) == 2 and _is_unit(*after):
            digits = TENS[piece.text] + after[1].digits
            yield Token(piece.text, piece.start, after[1].end, digits, spoken=True)
            at += 3
        else:
            yield piece
            at += 1


def _is_unit(between: Token, unit: Token) -> bool:
    joined = between.space or between.text == "-"
    return joined and unit.spoken and len(unit.digits) == 1 and unit.digits != "0"
