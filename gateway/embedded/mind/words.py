"""Text as words: tokens with their places, stems, and the small words that carry no meaning."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.-]*\w"  # an e-mail address
    r"|\d+(?:[.,:/-]\d+)*(?:st|nd|rd|th|am|pm)?(?![A-Za-z])"  # 4,217 3:30 2026-05-05 5th 3pm
    r"|[ap]\.m\.?"
    r"|[^\W_]+(?:['\u2019][^\W_]+)*"  # words, don't, AB123
    r"|[$€£%#&?!.,;:]",
    re.IGNORECASE,
)


def listed(text: str) -> frozenset[str]:
    """The words of a text that lists them."""
    return frozenset(text.split())


STOP = listed(
    """a an the i me my mine we us our you your he she it its they them their this that these those
    is am are was were be been being do does did doing have has had having will would shall should
    can could may might must of in on at to from for with by as into about and or but if so than
    then there here what which who whom when where why how not no yes please just really very also
    too some any all more most other such only own same again now up down out over under let
    i'm i'd i've i'll it's what's where's when's who's that's there's don't doesn't didn't can't
    couldn't won't wouldn't isn't aren't wasn't could've you're we're they're let's like want need
    know tell give get got make made go going one ok okay well um uh er hey hi hello thanks
    thank"""
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or sign and where it stands in its text."""

    text: str
    start: int
    end: int

    @property
    def low(self) -> str:
        return self.text.lower().replace("\u2019", "'")

    @property
    def is_word(self) -> bool:
        return self.text[0].isalnum()

    @property
    def is_capital(self) -> bool:
        return self.text[0].isupper()


def tokens(text: str) -> list[Token]:
    """The tokens of a text, in order."""
    return [Token(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text)]


def words(text: str) -> list[str]:
    """The words of a text in small letters, signs left out."""
    return [token.low for token in tokens(text) if token.is_word]


def split_name(name: str) -> str:
    """An identifier as words: `lookUpOrder_id` is `look up order id`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]+", " ", name)
    return " ".join(spaced.lower().split())


def stem(word: str) -> str:
    """A rough English stem: enough that cancel, cancelled and cancellation meet."""
    word = word.removesuffix("'s")
    for suffix, least in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= least:
            word = word[: -len(suffix)]
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sz":
        word = word[:-1]
    if len(word) > 3 and word[-1] in "ey":
        word = word[:-1]
    return word


_SUFFIXES = (
    ("ations", 4),
    ("ation", 4),
    ("ments", 4),
    ("ment", 4),
    ("ities", 4),
    ("ingly", 4),
    ("ings", 3),
    ("ing", 3),
    ("eries", 4),
    ("ery", 4),
    ("ies", 2),
    ("ied", 2),
    ("ers", 4),
    ("er", 4),
    ("ed", 3),
    ("ly", 4),
    ("es", 3),
    ("s", 3),
)


def stems(text: str) -> list[str]:
    """The stems of the words that carry meaning."""
    return [stem(word) for word in words(text) if word not in STOP and not word[0].isdigit()]
