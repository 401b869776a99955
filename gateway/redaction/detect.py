"""Detection: where a text holds a card, an IBAN, an address, a telephone or another long number.

One set of rules for all who look: what is written down, what is logged, what a policy forbids. A
number may be written or spoken, digit by digit or in pairs, in English, German and (its digits) in
French, Spanish, Italian and Dutch. Everything here is pure, and linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, Literal

from gateway.redaction.addresses import addresses, opened_address
from gateway.redaction.numbers import Run, card_windows, ibans, is_phone, runs
from gateway.redaction.tokens import Token, joined_tens, tokens
from gateway.redaction.vocabulary import (
    AS_IN,
    AT,
    BEFORE_ADDRESS,
    DIGITS,
    IBAN_LENGTHS,
    TENS,
    TIMES,
    WHOLE,
)

Kind = Literal["card", "iban", "email", "phone", "number"]
KINDS: Final[tuple[Kind, ...]] = ("card", "iban", "email", "phone", "number")
COVER: Final = "\u2588"  # stands for one character that is not shown

# What is written with many digits and is no such number: dates, amounts, addresses of machines.
_HARMLESS = re.compile(
    r"(?<![\d.-])(?:19|20)\d\d-[01]\d-[0-3]\d(?![\d-])"
    r"|(?<![\d.])[0-3]?\d\.[01]?\d\.(?:19|20)\d\d(?![\d.])"
    r"|(?<![\d/])[0-3]?\d/[0-3]?\d/(?:19|20)\d\d(?![\d/])"
    r"|(?<![\d.,+])[1-9]\d{0,2}(?:,\d{3}){1,4}(?:\.\d{1,2})?(?![\d,])"
    r"|(?<![\d.,+])[1-9]\d{0,2}(?:\.\d{3}){1,4}(?:,\d{1,2})?(?![\d.])"
    r"|(?<![\d.+])(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}"
    r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?![\d.])"
)
_WORD = re.compile(r"[^\W\d_]+|@")
_WEIGHTS = {word: len(digits) for word, digits in {**DIGITS, **WHOLE}.items()}
_WEIGHTS |= dict.fromkeys(TENS, 2) | {word: times - 1 for word, times in TIMES.items()}
FEWEST = 7  # digits of the shortest number that is looked for
# A closer look takes some microseconds a character, in which every call waits. So of a very long
# text, which nobody has said, only the beginning gets one: of the rest whole blocks are hidden.
LONGEST = 8_000  # characters
BLOCK = 200
MARGIN = 150  # characters on either side of a block, in which a number may begin or go on


@dataclass(frozen=True, slots=True)
class Policy:
    """What is looked for; a number of no other kind counts from `digits` digits on."""

    kinds: frozenset[Kind] = frozenset(KINDS)
    digits: int = 9

    def __bool__(self) -> bool:
        return bool(self.kinds)


ALL: Final = Policy()
NOTHING: Final = Policy(frozenset())


@dataclass(frozen=True, slots=True)
class Finding:
    """Something personal: what it is, and the characters `text[start:end]` that say it."""

    kind: Kind
    start: int
    end: int


def suspicious(text: str, fewest: int = 1) -> bool:
    """Whether a closer look may find anything: an "at", or so many digits, written or spoken."""
    digits = sum(map(str.isdecimal, text))
    for word in _WORD.findall(text.lower()):
        if word in AT:
            return True
        if word in _WEIGHTS:
            digits += _WEIGHTS[word]
    return digits >= fewest


def find(text: str, policy: Policy = ALL) -> list[Finding]:
    """What the text holds of these kinds, in order, none within another."""
    if not (text and policy) or not suspicious(text, min(FEWEST, policy.digits)):
        return []
    pieces = list(joined_tens(_without_harmless(text)))
    found: list[Finding] = []
    if "iban" in policy.kinds:
        found += (Finding("iban", *span) for span in ibans(text, pieces))
    rests = [_outside(pieces, found)]
    if "email" in policy.kinds and (mails := [Finding("email", *one) for one in addresses(pieces)]):
        # An address that is spelled may take in the end of a number before it: look past both.
        found += mails
        rests.append(_outside(pieces, found))
    for rest in rests:
        for run in runs(text, rest):
            found += _judged(run, policy)
    return _apart(found)


def hidden(text: str, policy: Policy = ALL) -> list[Finding]:
    """What of the text is to be hidden: what it holds, and of a very long one what may hold it."""
    if len(text) <= LONGEST or not policy:
        return find(text, policy)
    fewest = min(FEWEST, policy.digits)
    starts = range(LONGEST - MARGIN, len(text), BLOCK)
    blocks = [
        Finding("number", at, min(at + BLOCK, len(text)))
        for at in starts
        if suspicious(text[at - MARGIN : at + BLOCK + MARGIN], fewest)
    ]
    return _apart([*find(text[:LONGEST], policy), *blocks])


def redact(text: str, policy: Policy = ALL) -> str:
    """The text with its findings named instead: "call me at [phone]"."""
    return _replaced(text, hidden(text, policy), lambda one: f"[{one.kind}]")


def cover(text: str, policy: Policy = ALL) -> str:
    """The text with its findings covered sign by sign: as long as before, its spaces kept."""
    return _replaced(text, hidden(text, policy), lambda one: covered(text[one.start : one.end]))


def covered(text: str) -> str:
    """A text of which nothing but its length and its spaces is left."""
    return "".join(sign if sign.isspace() else COVER for sign in text)


def opened(text: str, policy: Policy = ALL, least: int = 1) -> int:
    """Where a number or an address begins that more words after this text might be part of.

    The length of the text where nothing is left open, or a number has fewer than `least` digits.
    """
    if not policy:
        return len(text)
    pieces = list(joined_tens(_without_harmless(text)))
    start = _opened_number(pieces, len(text), least)
    if "email" in policy.kinds:
        start = min(start, opened_address(pieces, len(text)))
    return start


def _opened_number(pieces: list[Token], end: int, least: int) -> int:
    digits, letters, start = 0, 0, end
    for piece in takewhile(_may_belong, reversed(pieces)):
        digits += len(piece.digits)
        letters += bool(piece.letter) and not piece.digits
        if digits or letters > 1 or piece.plus:
            start = start if piece.gap and not piece.digits else piece.start
    return start if digits >= least or letters > max(1, least - 2) else end


def _may_belong(piece: Token) -> bool:
    return bool(
        piece.gap
        or piece.digits
        or piece.letter
        or piece.plus
        or piece.times
        or piece.text in AS_IN
        or (piece.text in IBAN_LENGTHS and piece.text not in BEFORE_ADDRESS)
    )


def _judged(run: Run, policy: Policy) -> Iterator[Finding]:
    """What a run of digits is, as a whole or in part."""
    kinds, length = policy.kinds, len(run.digits)
    windows = list(card_windows(run)) if "card" in kinds else []
    if run.named:
        return
    if run.glued:
        yield from (Finding("card", *span) for span in windows)
        if len(run.parts) > 1:  # the rest of it may be something by itself
            yield from _judged(run.without_glued(), policy)
    elif "number" in kinds and length >= policy.digits:
        kind: Kind = "card" if windows else "phone" if is_phone(run) else "number"
        yield Finding(kind if kind in kinds else "number", run.start, run.end)
    elif windows:
        yield from (Finding("card", *span) for span in windows)
    elif "phone" in kinds and is_phone(run):
        yield Finding("phone", run.start, run.end)


def _without_harmless(text: str) -> list[Token]:
    spans = [match.span() for match in _HARMLESS.finditer(text)]
    pieces: list[Token] = []
    for piece in tokens(text):
        while spans and spans[0][1] <= piece.start:
            spans.pop(0)
        inside = spans and spans[0][0] <= piece.start
        pieces.append(Token("\0", piece.start, piece.end) if inside else piece)
    return pieces


def _outside(pieces: list[Token], found: list[Finding]) -> list[Token]:
    """The pieces, with a bar in place of those that are part of something already."""
    spans = sorted((one.start, one.end) for one in found)
    if not spans:
        return pieces
    left = iter([*spans, (1 << 60, 1 << 60)])
    start, end = next(left)
    outside = []
    for piece in pieces:
        while piece.start >= end:
            start, end = next(left)
        inside = start <= piece.start
        outside.append(Token("\0", piece.start, piece.end) if inside else piece)
    return outside


def _apart(found: list[Finding]) -> list[Finding]:
    """One after the other: what overlaps becomes one, of the kind that was named first."""
    rank = {kind: place for place, kind in enumerate(("iban", "email", "card", "phone", "number"))}
    apart: list[Finding] = []
    for one in sorted(found, key=lambda one: (one.start, rank[one.kind])):
        if apart and one.start < apart[-1].end:
            last = apart.pop()
            kind = min(last.kind, one.kind, key=lambda kind: rank[kind])
            one = Finding(kind, last.start, max(last.end, one.end))
        apart.append(one)
    return apart


def _replaced(text: str, found: list[Finding], by: Callable[[Finding], str]) -> str:
    done = 0
    parts: list[str] = []
    for one in found:
        parts += text[done : one.start], by(one)
        done = one.end
    return "".join((*parts, text[done:])) if parts else text
