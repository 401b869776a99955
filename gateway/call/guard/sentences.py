"""Sentences: the assistant's words, as they come piece by piece, cut where they can be judged."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

LONG = 60  # characters from which a comma will do
LONGEST = 240  # characters after which any blank will do
WINDOW = 400  # characters before a sentence that are judged with it

_WIDE = "\u3002\uff01\uff1f"  # of Chinese and Japanese
_END = re.compile(f"[.!?…{_WIDE}][\"'\u201d\u2019)\\]]*(?:\\s+|$)|[{_WIDE}]\\s*|\\n\\s*")
_PAUSE = re.compile("[,;:\u2013\u2014](?:\\s+|$)")
_LAST = re.compile(r"\s(?=\S*$)")


@dataclass(slots=True)
class Sentences:
    """The words of one item. What is judged is shown with what came before it."""

    before: str = ""  # the end of what has been judged
    open: str = field(default="")  # what has not

    def push(self, text: str) -> list[tuple[str, bool]]:
        """An addition, in pieces; with each, whether a sentence ends with it."""
        pieces: list[tuple[str, bool]] = []
        while text and (end := self._end(text)):
            pieces.append((text[:end], True))
            self.open, text = "", text[end:]
        if text:
            self.open += text
            pieces.append((text, False))
        return pieces

    def _end(self, text: str) -> int:
        """How much of an addition still belongs to the sentence, if that ends in it."""
        whole = self.open + text
        length = len(self.open)
        if not whole.strip():
            return len(text)  # nothing but blanks: nothing waits for them
        for match in _END.finditer(whole, max(0, length - 2)):
            if match.end() > length and whole[: match.end()].strip() and _is_end(match, whole):
                return match.end() - length
        pauses = _PAUSE.finditer(whole, max(LONG - 2, length)) if len(whole) >= LONG else ()
        if ends := [match.end() for match in pauses if _is_end(match, whole)]:
            return ends[-1] - length
        blank = _LAST.search(whole) if len(whole) >= LONGEST else None
        if blank is not None and blank.end() > length:
            return blank.end() - length
        return len(text) if len(whole) >= 2 * LONGEST else 0

    def judged(self, text: str) -> None:
        """So much has been judged, and comes before what is judged next."""
        self.before = (self.before + text)[-WINDOW:]


def _is_end(match: re.Match[str], whole: str) -> bool:
    """Not where a number may go on with what comes next."""
    last = match.end() == len(whole) and not match[0][-1].isspace()
    return not (last and whole[match.start() - 1 : match.start()].isdigit())
