"""Folding: a text as rules compare it, without the ways in which letters can be disguised."""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode
from dataclasses import dataclass

TAGS = 0xE0000  # invisible letters: U+E0020 to U+E007E stand for ASCII
BLOB = re.compile(r"[A-Za-z0-9+/_-]{24,4096}={0,2}")
BLOBS = 8  # of one text

# Letters of other scripts that look like Latin ones.
LOOKALIKES = str.maketrans(
    "ıаеорсухіјѕһԁԛԝвмнктαορνικτυχ\u2010\u2011\u2012\u2013\u2014\u2019\u2018\u201c\u201d",
    "iaeopcyxijshdqwbmhktaopviktux-----''\"\"",
)


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text, and for each character of it the place where it stood."""

    text: str
    at: range | tuple[int, ...]
    hidden: str = ""  # what stood in it in letters that nobody sees

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of the folded text stood in the original."""
        return self.at[start], self.at[end - 1] + 1 if end > start else self.at[start]


def fold(text: str) -> Folded:
    """Lower case, compatible forms, no accents, nothing invisible, look-alikes as Latin letters."""
    if text.isascii():
        return Folded(text.lower(), range(len(text)))
    letters: list[str] = []
    places: list[int] = []
    hidden: list[str] = []
    latin = any("a" <= letter <= "z" for letter in text.lower())
    for place, letter in enumerate(text):
        if TAGS + 0x20 <= ord(letter) < TAGS + 0x7F:
            hidden.append(chr(ord(letter) - TAGS))
            continue
        for part in unicodedata.normalize("NFKD", letter).casefold():
            if unicodedata.category(part) in ("Cf", "Mn", "Cn", "Co"):
                continue
            letters.append(part.translate(LOOKALIKES) if latin else part)
            places.append(place)
    return Folded("".join(letters), tuple(places), "".join(hidden))


def unwrapped(text: str) -> list[str]:
    """What stands in a text in base64, where that is readable."""
    found = []
    for match in list(BLOB.finditer(text))[:BLOBS]:
        raw = match[0].rstrip("=").replace("-", "+").replace("_", "/")
        try:
            inner = b64decode(raw + "=" * (-len(raw) % 4)).decode("utf-8")
        except ValueError:
            continue
        if sum(letter.isprintable() or letter.isspace() for letter in inner) == len(inner):
            found.append(inner)
    return found
