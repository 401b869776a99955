"""Sentences for the voice: cut from a stream as early as they are whole, and rid of markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.embedded.mind.words import listed

QUICK_START = 40  # characters after which the very first piece may end at a comma
LONGEST = 300  # characters; a sentence that will not end is cut at a space

_SHORT = listed(
    """mr mrs ms dr prof st jr sr vs etc e.g i.e approx dept est fig inc ltd co corp mt ave blvd
    gen col sgt capt lt rev hon a.m p.m u.s u.k jan feb mar apr jun jul aug sep sept oct nov
    dec"""
)
# These end a sentence where a capital follows, as other words do.
_MAY_END = listed("etc inc ltd co corp a.m p.m u.s u.k jr sr")
_END = re.compile(r"([.!?…]+)([\"'”\u2019)\]*_]*)(\s+|$)|(\n)")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


class Splitter:
    """Takes text as it comes, gives back what can be spoken."""

    def __init__(self, quick_start: int = QUICK_START) -> None:
        self._held = ""
        self._quick_start = quick_start
        self._fenced = False

    def feed(self, text: str) -> Iterator[str]:
        """Add a piece of text; yield every sentence that is now whole."""
        self._held += text
        while cut := self._cut():
            yield from self._give(cut)

    def close(self) -> Iterator[str]:
        """What is left when the stream has ended."""
        yield from self._give(len(self._held))

    def _give(self, cut: int) -> Iterator[str]:
        raw, self._held = self._held[:cut], self._held[cut:].lstrip(" ")
        for part in re.split(r"(```)", raw):
            if part == "```":
                self._fenced = not self._fenced
            elif not self._fenced and (spoken := for_speech(part)):
                self._quick_start = 0
                yield spoken

    def _cut(self) -> int:
        for match in _END.finditer(self._held):
            if match.end() == len(self._held) and "\n" not in match.group():
                break  # what follows decides whether it was an end
            if _is_end(self._held, match):
                return match.end()
        if self._quick_start and len(self._held) > self._quick_start:
            comma = re.compile(r"[,;:\u2013\u2014]\s").search(self._held, self._quick_start)
            if comma:
                return comma.end()
        return self._held.rfind(" ", 0, LONGEST) + 1 if len(self._held) > LONGEST else 0


def _is_end(text: str, match: re.Match[str]) -> bool:
    if match.group(4):
        return True
    after = text[match.end() : match.end() + 1]
    if match.group(1)[0] != ".":
        return not (match.group(1)[0] == "…" and after.islower())
    before = re.search(r"([\w.]+)$", text[: match.start()])
    last = before.group(1) if before else ""
    if match.group(1) == "...":
        return not after.islower()
    if last.lower() == "no":
        return not after.isdigit()
    if last.lower() in _SHORT:
        return last.lower() in _MAY_END and not after.islower()
    initial = len(last) == 1 and last.isupper() and last != "I"
    numbered = last.isdigit() and (
        match.start() - len(last) == 0 or text[match.start() - len(last) - 1] == "\n"
    )
    return not initial and not numbered and not after.islower()


def sentences(text: str) -> list[str]:
    """A whole text as sentences."""
    splitter = Splitter(quick_start=0)
    return [*splitter.feed(text), *splitter.close()]


def for_speech(text: str) -> str:
    """The text without what is meant for eyes: markdown, links' addresses, emoji."""
    plain = _LINK.sub(r"\1", text)
    plain = re.sub(r"https?://(?:www\.)?([\w.-]+)\S*", r"\1", plain)
    plain = re.sub(r"(?m)^\s*(?:#{1,6}\s+|>\s+|[-*+•]\s+|\d+[.)]\s+)", "", plain)
    plain = re.sub(r"(?m)^\s*(?:[-*_=]\s*){3,}$|^\s*\|?[\s:|-]+\|[\s:|-]*$", "", plain)
    plain = re.sub(r"(\*\*|__|~~|`)(?=\S)(.+?)(?<=\S)\1", r"\2", plain)
    plain = re.sub(r"(?<!\w)[*_](?=\S)(.+?)(?<=\S)[*_](?!\w)", r"\1", plain)
    plain = re.sub(r"[*`]{1,3}|[\U0001F000-\U0001FAFF\u2600-\u27BF\uFE0F\u200D]", "", plain)
    plain = plain.replace("|", ",")
    return " ".join(plain.split())
