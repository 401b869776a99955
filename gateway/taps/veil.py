"""The veil: covers in a journal what must not be read there, and lets it replay all the same.

A number is spoken in pieces, and what a piece belongs to is known only when more has been said. So
a line with words waits, and all behind it, until what it says is settled; at most some seconds, for
which the end of what was said is covered where it might be part of a number. What is covered keeps
its length and its spaces, and the same words are covered alike in an event and in the orders that
follow from it: the call that is run again on covered words gives the covered orders.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gateway.call.effects import AGREED, REFUSED
from gateway.call.plan import Keep
from gateway.redaction.detect import Policy, cover, covered
from gateway.redaction.lines import Line, Lines

Json = dict[str, Any]
Cover = Callable[[str], str]
SAID = frozenset({"text", "arguments", "output", "delta", "transcript", "content", "consent"})
LONGEST_US = 8_000_000  # that a line waits which ends in digits
PAUSE_US = 700_000  # after which the last words are no longer the beginning of an address
LAST_WORDS = 8  # which an address may yet begin with
PRESSED = re.compile(r"\[pressed |The caller pressed ")
PARTS = frozenset({"ToolArguments", "PrefetchTool"})  # of a text that is written piece by piece
_KEYS = """
    t event effect item_id call_id response_id request session_id event_id previous_item_id id
    type name model code status state role phase encoding voice language credential tenant key
    detector cut_by late eagerness prices transcription recording transcripts
"""
PLAIN = frozenset(_KEYS.split())  # keys of what nobody has said
NUMBERS = frozenset({int, float, bool})
PARTIAL, WHOLE, ASSISTANT = "caller so far", "caller", "assistant"


@dataclass(slots=True)
class Waiting:
    """A line that has not been written, and where its text stands in what its side has said."""

    line: Json
    at: int
    allowed: bool
    behind: bytearray = field(default_factory=bytearray)  # lines without words
    side: str = ""
    item: str = ""
    start: int = 0
    end: int = 0


class Veil:
    """Of one journal."""

    def __init__(self, policy: Policy, keep: Keep) -> None:
        self._policy = policy
        self._lines = Lines(policy)
        self._asks = keep == "consent"
        self._allowed = keep == "on"
        self.waiting: list[Waiting] = []  # lines with words that have not been written
        self._complete: set[tuple[str, str]] = set()
        self._answers: dict[str, str] = {}  # item -> what it comes to
        self._frozen: dict[tuple[str, str], str] = {}  # as it was written
        self._last = ""  # the caller's item whose words came last

    def add(self, line: Json, now: int) -> None:
        """A line of the journal, as it would be written."""
        waiting = Waiting(line, now, self._allowed)
        self._note(line, waiting)
        if line.get("effect") == "ShowNotice" and line["code"] in (AGREED, REFUSED):
            self._answered(agreed=line["code"] == AGREED)
        self.waiting.append(waiting)

    def follow(self, lines: bytes) -> None:
        """Lines without words, behind the last that waits; there is one."""
        self.waiting[-1].behind += lines

    def ready(self, now: int, *, over: bool = False) -> Iterator[Json | bytearray]:
        """What can be written now, covered."""
        looked: set[str] = set()
        while self.waiting:
            first = self.waiting[0]
            if first.side and not over and not self._settled(first, now):
                return
            if first.side and first.side not in looked:
                looked.add(first.side)
                self._lines.look(first.side)
            del self.waiting[0]
            yield self._written(first)
            if first.behind:
                yield first.behind

    def hidden(self, line: Json, *, allowed: bool = True) -> Json:
        """A line with all its words covered, where they hold something or are not allowed."""
        said = self._cover if allowed else covered
        hidden = _all_hidden(line, self._cover, said)
        if isinstance(message := line.get("message"), dict) and self._policy:
            hidden["message"] = _hidden(message, "", self._cover, covered)  # its words in pieces
        return hidden

    # ------------------------------------------------------------ what is said

    def _note(self, line: Json, waiting: Waiting) -> None:
        kind = line.get("event") or line.get("effect")
        if kind == "CallerWords":
            self._last = line["item_id"]
            self._said(WHOLE if line["final"] else PARTIAL, line, waiting, whole=line["final"])
        elif kind == "AssistantWords":
            self._said(ASSISTANT, line, waiting)
        elif kind == "ItemEnded":
            self._complete.add((ASSISTANT, line["item_id"]))
        elif kind == "ShowWords":
            self._shown(line, waiting)

    def _said(self, side: str, line: Json, waiting: Waiting, *, whole: bool = False) -> None:
        item, text = line["item_id"], line["text"]
        before = self._lines.line(side, item)
        so_far = "" if before is None or whole else before.text
        self._lines.put(side, item, so_far + text, whole=whole)
        _place(waiting, side, item, len(so_far), len(so_far) + len(text))
        if whole:
            self._complete |= {(WHOLE, item), (PARTIAL, item)}

    def _shown(self, line: Json, waiting: Waiting) -> None:
        """A line of the transcript: the beginning of what was said, perhaps without its spaces."""
        item, text = line["item_id"], line["text"]
        caller = WHOLE if line["final"] else PARTIAL
        side = caller if line["role"] == "caller" else ASSISTANT
        if (known := self._lines.line(side, item)) is not None:
            lead = 0 if known.text.startswith(text) else len(known.text) - len(known.text.lstrip())
            if text and known.text.startswith(text, lead):
                _place(waiting, side, item, lead, lead + len(text))
        if line["final"]:
            self._complete |= {(ASSISTANT, item), (PARTIAL, item)}

    def _answered(self, *, agreed: bool) -> None:
        if self._asks and self._last:
            self._answers[self._last] = "yes" if agreed else "no"
        self._allowed = self._asks and agreed

    # ------------------------------------------------------------ what is known

    def _settled(self, first: Waiting, now: int) -> bool:
        known = self._lines.line(first.side, first.item)
        if known is None or now - first.at > LONGEST_US or not (first.allowed or self._asks):
            return True
        if (first.side, first.item) in self._complete:
            return not self._lines.is_open(first.side)
        last = len(known.text) if now - first.at > PAUSE_US else _last_words(known)
        return first.end <= min(self._lines.open_at(first.side, first.item), last)

    def _written(self, waiting: Waiting) -> Json:
        line = waiting.line
        if (text := self._known(waiting)) is not None:
            line = {**line, "text": ""}  # which is not looked at twice
        hidden = self.hidden(line, allowed=waiting.allowed)
        kind = line.get("event") or line.get("effect")
        if text is not None:
            hidden["text"] = text
        elif kind == "CallerDigit" and self._policy:
            hidden["digit"] = re.sub("[0-9]", "0", line["digit"])
        elif isinstance(said := line.get("text"), str) and PRESSED.match(said) and self._policy:
            hidden["text"] = re.sub("[0-9]", "0", said)
        if kind in PARTS and self._policy:
            hidden.update({key: covered(line[key]) for key in ("text", "arguments") if key in line})
        return hidden

    def _known(self, waiting: Waiting) -> str | None:
        """The text of a line, where what its side has said tells how it may be read."""
        if waiting.side == WHOLE and waiting.item in self._answers:
            return self._answers[waiting.item]
        if waiting.side and waiting.allowed:
            known = self._lines.line(waiting.side, waiting.item)
            return None if known is None else self._piece(waiting, known.covered())
        return None

    def _piece(self, waiting: Waiting, text: str) -> str:
        """A part of what was said; what has once been written of it stays as it was written."""
        whose = waiting.side, waiting.item
        frozen = self._frozen.get(whose, "")
        text = frozen + text[len(frozen) :]
        self._frozen[whose] = text[: max(len(frozen), waiting.end)]
        return text[waiting.start : waiting.end]

    def _cover(self, text: str) -> str:
        return cover(text, self._policy)


def _place(waiting: Waiting, side: str, item: str, start: int, end: int) -> None:
    waiting.side, waiting.item, waiting.start, waiting.end = side, item, start, end


def _last_words(line: Line) -> int:
    """Where they begin."""
    before = line.text.rsplit(None, LAST_WORDS)
    return len(before[0]) if len(before) > LAST_WORDS else 0


def _all_hidden(known: Json, cover: Cover, said: Cover) -> Json:
    """Most is empty, a number, or a name: those are no further looked at."""
    return {
        key: value
        if not value or type(value) in NUMBERS or (key in PLAIN and type(value) is str)
        else _hidden(value, str(key), cover, said)
        for key, value in known.items()
    }


def _hidden(value: Any, key: str, cover: Cover, said: Cover) -> Any:
    if isinstance(value, str):
        return value if key in PLAIN else said(value) if key in SAID else cover(value)
    if isinstance(value, dict):
        return _all_hidden(value, cover, said)
    if isinstance(value, list | tuple):
        return [_hidden(one, key, cover, said) for one in value]
    return value
