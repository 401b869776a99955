"""Numbers: runs of digits, written or spoken, and what they are: cards, IBANs, telephones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.redaction.tokens import Token
from gateway.redaction.vocabulary import AS_IN, IBAN_LENGTHS

GAPS = 12  # tokens between two digits of one number, spaces and stops included
CARD = range(13, 20)  # digits
STARTS = frozenset("23456")  # of cards that are in use
TIMES_AT_MOST = 4


@dataclass(slots=True)
class Run:
    """Digits that follow each other: their parts as (digits, start, end), and how they stand."""

    parts: list[tuple[str, int, int]] = field(default_factory=list)
    plus: bool = False
    start: int = 0
    spoken: bool = False
    glued: bool = False  # to letters
    leads: bool = False  # before it; else behind it
    named: bool = False  # part of some name, as of a call: "call_123"
    decimal: bool = False  # "0.1234567"

    @property
    def digits(self) -> str:
        """All of them."""
        return "".join(digits for digits, _, _ in self.parts)

    def without_glued(self) -> Run:
        """The rest, without the part that letters are glued to."""
        parts = self.parts[1:] if self.leads else self.parts[:-1]
        return Run(parts, start=parts[0][1], spoken=self.spoken)

    @property
    def end(self) -> int:
        """Where the last one ends."""
        return self.parts[-1][2]


def runs(text: str, pieces: list[Token]) -> Iterator[Run]:
    """The runs of digits in a text, in order."""
    run = Run()
    gaps, times, times_at, plus_at = 0, 1, -1, -1
    for piece in pieces:
        if piece.digits:
            digits = piece.digits[:1] * (times - 1) + piece.digits
            begins = piece.start if times_at < 0 else times_at
            if not run.parts:
                run.start, run.plus = (plus_at, True) if plus_at >= 0 else (begins, False)
            run.spoken |= piece.spoken
            run.parts.append((digits, begins, piece.end))
            gaps, times, times_at, plus_at = 0, 1, -1, -1
        elif piece.times:
            times, times_at = min(piece.times, TIMES_AT_MOST), piece.start
        elif piece.gap and gaps < GAPS:
            gaps += 1
        else:
            if run.parts:
                yield _placed(text, run)
            run, gaps, times, times_at = Run(), 0, 1, -1
            plus_at = piece.start if piece.plus else -1
    if run.parts:
        yield _placed(text, run)


def _placed(text: str, run: Run) -> Run:
    before, after = text[run.start - 1 : run.start], text[run.end : run.end + 1]
    run.glued = not run.plus and (before.isalnum() or after.isalnum())
    run.leads = run.glued and before.isalnum()
    run.named = "_" in (before, after)
    first = run.parts[0]
    run.decimal = len(run.parts) == 2 and first[0] == "0" and text[first[2]] in ".,"
    return run


def luhn(digits: str) -> bool:
    """Whether the check digit of a card's number is right."""
    total = 0
    for place, sign in enumerate(reversed(digits)):
        digit = int(sign) << (place & 1)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0


def card_windows(run: Run) -> Iterator[tuple[int, int]]:
    """Where whole parts of the run make up the number of a card; those that overlap are one."""
    found: tuple[int, int] | None = None
    for first in range(len(run.parts)):
        if (end := _card_end(run, first)) is None:
            continue
        start = run.parts[first][1]
        if found and start < found[1]:
            found = (found[0], max(found[1], end))
        else:
            if found:
                yield found
            found = (start, end)
    if found:
        yield found


def _card_end(run: Run, first: int) -> int | None:
    digits, ends = "", None
    for part, _, end in run.parts[first : first + CARD.stop]:
        digits += part
        if len(digits) >= CARD.stop:
            break
        if len(digits) in CARD and digits[0] in STARTS and len(set(digits)) > 1 and luhn(digits):
            ends = end
    return ends


def is_phone(run: Run) -> bool:
    """Whether the run reads as a telephone number."""
    digits, length = run.digits, len(run.digits)
    if run.plus or digits.startswith("00"):
        return 8 <= length <= 17
    if digits.startswith("0"):
        return 8 <= length <= 13 and not run.decimal
    if length == 10 or (length == 11 and digits[0] == "1"):
        area, exchange = digits[-10], digits[-7]
        return area in "23456789" and exchange in "23456789"
    if length == 7 and [len(part) for part, _, _ in run.parts] == [3, 4]:
        return True
    return run.spoken and 7 <= length <= 8


# ---------------------------------------------------------------- IBAN


def ibans(text: str, pieces: list[Token]) -> Iterator[tuple[int, int]]:
    """Where the text has an IBAN whose check digits are right, in one piece or spelled."""
    done = 0
    for place, piece in enumerate(pieces):
        if piece.start < done or not piece.text[:1].isalpha():
            continue
        if piece.start and text[piece.start - 1].isalnum():
            continue
        if len(piece.text) == 2 or piece.letter:
            end = _iban_end(text, pieces, place)
            if end is not None:
                yield piece.start, end
                done = end


def _iban_end(text: str, pieces: list[Token], place: int) -> int | None:
    signs, times, gaps = "", 1, 0
    while place < len(pieces):
        piece = pieces[place]
        place += 1
        if signs and piece.text in AS_IN:
            place = _after_example(pieces, place, signs[-1])
        elif piece.times:
            times = min(piece.times, TIMES_AT_MOST)
        elif new := _iban_signs(text, piece, len(signs)):
            signs += new[:1] * (times - 1) + new
            times, gaps = 1, 0
            if len(signs) >= 2 and not signs[:2].isalpha():
                return None
            if len(signs) >= 4 and not signs[2:4].isdigit():
                return None
            length = IBAN_LENGTHS.get(signs[:2], 0) if len(signs) >= 2 else 99
            if len(signs) >= length:
                good = len(signs) == length and mod_97(signs) == 1
                return piece.end if good else None
        elif not piece.gap or (gaps := gaps + 1) > GAPS:
            return None
    return None


def _iban_signs(text: str, piece: Token, so_far: int) -> str:
    if piece.digits and so_far >= 2:
        return piece.digits
    if piece.letter:
        return piece.letter
    raw = text[piece.start : piece.end]
    short = (
        raw.isascii() and raw.isalpha() and (so_far == 0 or raw.isupper() or _glued(text, piece))
    )
    return piece.text if short and len(raw) <= 12 and not (so_far == 0 and len(raw) != 2) else ""


def _glued(text: str, piece: Token) -> bool:
    return (
        text[piece.start - 1 : piece.start].isalnum() or text[piece.end : piece.end + 1].isdigit()
    )


def _after_example(pieces: list[Token], place: int, letter: str) -> int:
    """Behind the word that a letter was explained by: "D as in Delta"."""
    for ahead in range(place, min(place + 4, len(pieces))):
        word = pieces[ahead].text
        if word not in AS_IN and not pieces[ahead].space:
            return ahead + 1 if word.startswith(letter) else place
    return place


def mod_97(iban: str) -> int:
    """The rest that ISO 7064 checks an IBAN by: 1 where it is right."""
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97
