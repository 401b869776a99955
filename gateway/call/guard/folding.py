"""Folding: a text as rules compare it, without the ways in which letters can be disguised."""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

TAGS = 0xE0000  # invisible letters: U+E0020 to U+E007E stand for ASCII
BLOB = re.compile(r"[A-Za-z0-9+/_-]{24,4096}={0,2}")
BLOBS = 64  # of one text

# Letters of other scripts that look like Latin ones.
LOOKALIKES = str.maketrans(
    "ıаеорсухіјѕһԁԛԝвмнктαορνικτυχ\u2010\u2011\u2012\u2013\u2014\u2019\u2018\u201c\u201d",
    "iaeopcyxijshdqwbmhktaopviktux-----''\"\"",
)


_UNSEEN = frozenset({"Cf", "Mn", "Cn", "Co"})  # kinds of letters
_RUN = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text, and for each character of it the place where it stood."""

    text: str
    at: Sequence[int]
    hidden: str = ""  # what stood in it in letters that nobody sees
    hidden_at: tuple[int, int] = (0, 0)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of the folded text stood in the original."""
        return self.at[start], self.at[end - 1] + 1 if end > start else self.at[start]


def fold(text: str) -> Folded:
    """Lower case, compatible forms, no accents, nothing invisible, look-alikes as Latin letters."""
    if text.isascii():
        return Folded(text.lower(), range(len(text)))
    pieces: list[str] = []
    places: list[int] = []
    hidden: list[int] = []
    latin = _LATIN.search(text) is not None
    for run in _RUN.finditer(text):
        start, end = run.span()
        if run[0].isascii():
            pieces.append(run[0].lower())
            places.extend(range(start, end))
            continue
        if TAGS + 0x20 <= ord(run[0]) < TAGS + 0x7F:
            hidden.append(start)
        letters = _folded(run[0], latin)
        pieces.append(letters)
        places.extend([start] * len(letters))
    unseen = "".join(chr(ord(text[place]) - TAGS) for place in hidden)
    within = (hidden[0], hidden[-1] + 1) if hidden else (0, 0)
    return Folded("".join(pieces), places, unseen, within)


_LATIN = re.compile("[A-Za-z]")


@lru_cache(maxsize=4096)
def _folded(letter: str, latin: bool) -> str:
    parts = unicodedata.normalize("NFKD", letter).casefold()
    seen = "".join(one for one in parts if unicodedata.category(one) not in _UNSEEN)
    return seen.translate(LOOKALIKES) if latin else seen


def unwrapped(text: str) -> Iterator[tuple[int, int, str]]:
    """What stands in a text in base64 and is readable, and where."""
    for match in list(BLOB.finditer(text))[:BLOBS]:
        raw = match[0].rstrip("=").replace("-", "+").replace("_", "/")
        try:
            inner = b64decode(raw + "=" * (-len(raw) % 4)).decode("utf-8")
        except ValueError:
            continue
        if all(letter.isprintable() or letter.isspace() for letter in inner):
            yield match.start(), match.end(), inner
