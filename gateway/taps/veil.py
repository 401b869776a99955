"""The veil: covers in a journal what must not be read there, and lets it replay all the same.

A number is spoken in pieces, and what a piece belongs to is known only when more has been said. So
a line with words waits, and all behind it, until what it says is settled; at most some seconds, for
which the end of what was said is covered where it might be part of a number. What is covered keeps
its length and its spaces, and the same words are covered alike in an event and in the orders that
follow from it: the call that is run again on covered words gives the covered orders.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.call.effects import (
    AGREED,
    REFUSED,
    WRITTEN,
    Effect,
    PrefetchTool,
    Remind,
    SendText,
    ShowNotice,
    ShowWords,
)
from gateway.call.events import (
    AssistantWords,
    CallerDigit,
    CallerText,
    CallerWords,
    Event,
    ItemEnded,
    ToolArguments,
)
from gateway.call.plan import Keep
from gateway.redaction.detect import Policy, cover, covered
from gateway.redaction.lines import NEVER, Line, Lines
from gateway.taps.rows import NUMBERS, PLAIN, SPELT, encode, line_of, spelt

Json = dict[str, Any]
Cover = Callable[[str], str]
SAID = frozenset({"text", "arguments", "output", "delta", "transcript", "content", "consent"})
LONGEST_US = 8_000_000  # that a line waits which ends in digits
PAUSE_US = 700_000  # after which the last words are no longer the beginning of an address
LAST_WORDS = 8  # which an address may yet begin with
PRESSED = re.compile(r"\[pressed |The caller pressed ")
SENTENCE = re.compile(r"(?<=[.!?])\s+")
PARTS = frozenset({ToolArguments, PrefetchTool})  # of a text that is written piece by piece
NOTED = frozenset({CallerWords, AssistantWords, ItemEnded, ShowWords, ShowNotice})
PARTIAL, WHOLE, ASSISTANT = "caller so far", "caller", "assistant"
TYPED = "typed "  # how the items begin under which it is known what the caller has typed
REMEMBERED = 400  # items in which something was covered, as many as a session is told of at most


@dataclass(slots=True, eq=False)
class Said:
    """What one side says in an item, and what of it is in the journal."""

    side: str
    item: str
    line: Line
    allowed: bool = True  # whether it may be kept
    complete: bool = False
    shown: str = ""  # as it may be read, when it was looked at last
    written: int = 0  # characters of that, which stay as they were written


@dataclass(slots=True, eq=False)
class Waiting:
    """A line that has not been written, and where its text stands in what its side has said."""

    what: Event | Effect
    at: int
    behind: list[bytes] = field(default_factory=list)  # lines without words
    allowed: bool = False
    said: Said | None = None
    start: int = 0
    end: int = 0


class Veil:
    """Of one journal, whose lines pass through it in their order.

    What has words is noted as it comes, and looked at when the journal is written out: then many
    pieces that belong together have come, and one look at them will do.
    """

    def __init__(self, policy: Policy, keep: Keep, width: int) -> None:
        self._policy = policy
        self._width = width  # bytes a sample
        self._lines = Lines(policy)
        self._asks = keep == "consent"
        self._allowed = keep == "on"
        self._come: list[Waiting] = []  # since the last look
        self._waiting: list[Waiting] = []  # lines with words that have not been written
        self._ready: list[bytes] = []  # lines that wait for nothing
        self.behind = self._ready  # where a line without words goes
        self._said: dict[tuple[str, str], Said] = {}  # by side and item
        self._answers: dict[str, str] = {}  # item -> what it comes to
        self._typed = 0  # how often the caller has typed something
        self._last = ""  # the caller's item whose words came last

    def add(self, what: Event | Effect, now: int) -> None:
        """A line with words."""
        waiting = Waiting(what, now)
        self._come.append(waiting)
        self.behind = waiting.behind

    def ready(self, now: int, *, over: bool = False) -> bytes:
        """The lines that can be written now, covered."""
        if self._come:
            for waiting in self._come:
                self._note(waiting)
            self._waiting += self._come
            self._come.clear()
        if self._waiting:
            self._lift(now, over=over)
        lines = b"".join(self._ready)
        self._ready.clear()
        return lines

    def hidden(self, line: Json, *, allowed: bool = True) -> Json:
        """A line with all its words covered, where they hold something or are not allowed."""
        said = self._cover if allowed else covered
        hidden = _all_hidden(line, self._cover, said)
        if isinstance(message := line.get("message"), dict) and self._policy:
            hidden["message"] = _hidden(message, "", self._cover, covered)  # its words in pieces
        return hidden

    # ------------------------------------------------------------ what is said

    def _note(self, waiting: Waiting) -> None:
        waiting.allowed = self._allowed
        match waiting.what:
            case AssistantWords(item_id=item, text=text):
                self._says(ASSISTANT, item, text, waiting)
            case ShowWords() as shown:
                self._shows(shown, waiting)
            case CallerWords(item_id=item, text=text, final=False):
                self._last = item
                self._says(PARTIAL, item, text, waiting)
            case CallerWords(item_id=item, text=text):
                self._last = item
                self._says(WHOLE, item, text, waiting, whole=True)
                self._complete(WHOLE, item)
                self._complete(PARTIAL, item)
            case ItemEnded(item_id=item):
                self._complete(ASSISTANT, item)
            case CallerText(text=text) if text.strip():
                self._typed += 1
                self._says(WHOLE, f"{TYPED}{self._typed}", text, waiting, whole=True)
                self._complete(WHOLE, f"{TYPED}{self._typed}")
            case Remind(role="system"):
                pass  # see _record
            case SendText(text=text) | Remind(text=text):
                self._repeats(text, waiting)
            case ShowNotice(code=code) if code in (AGREED, REFUSED):
                self._answered(agreed=code == AGREED)

    def _says(
        self, side: str, item: str, text: str, waiting: Waiting, *, whole: bool = False
    ) -> None:
        said = self._said.get((side, item))
        so_far = "" if whole or said is None or not said.line.kept else said.line.text
        line = self._lines.put(side, item, so_far + text, whole=whole)
        if said is None or said.line is not line:
            self._forget()
            said = self._said[side, item] = Said(side, item, line, waiting.allowed)
        waiting.said, waiting.start, waiting.end = said, len(so_far), len(line.text)

    def _shows(self, shown: ShowWords, waiting: Waiting) -> None:
        """A line of the transcript: the beginning of what was said, perhaps without its spaces."""
        item, text = shown.item_id, shown.text
        caller = WHOLE if shown.final else PARTIAL
        said = self._said.get((caller if shown.role == "caller" else ASSISTANT, item))
        if item.startswith(WRITTEN):
            self._repeats(text, waiting)
        elif said is not None and text:
            known = said.line.text
            lead = 0 if known.startswith(text) else _lead(known)
            if known.startswith(text, lead):
                waiting.said, waiting.start, waiting.end = said, lead, lead + len(text)
        if shown.final:
            self._complete(ASSISTANT, item)
            self._complete(PARTIAL, item)

    def _repeats(self, text: str, waiting: Waiting) -> None:
        """Words that were said or typed before; of what was said, perhaps only the beginning."""
        most = 0
        for said in self._said.values():
            known, start = said.line.text.rstrip(), _lead(said.line.text)
            if known.startswith(text, start):
                alike = len(text)
            elif said.item.startswith(TYPED) and text.startswith(known[start:]):
                alike = len(known) - start  # a note for the model stands behind it
            else:
                continue
            if alike and alike >= most:  # of two the later
                most = alike
                waiting.said, waiting.start, waiting.end = said, start, start + alike

    def _forget(self) -> None:
        """What is none of the last lines, but for what must not be read when it is repeated."""
        old = [one for one in self._said.values() if not one.line.kept]
        hidden = [one for one in old if one.line.found or not one.allowed][-REMEMBERED:]
        kept = [one for one in self._said.values() if one.line.kept]
        self._said = {(one.side, one.item): one for one in (*hidden, *kept)}

    def _complete(self, side: str, item: str) -> None:
        if (said := self._said.get((side, item))) is not None:
            said.complete = True

    def _answered(self, *, agreed: bool) -> None:
        if self._asks and self._last:
            self._answers[self._last] = "yes" if agreed else "no"
        self._allowed = self._asks and agreed

    # ------------------------------------------------------------ what is known

    def _lift(self, now: int, *, over: bool) -> None:
        """Write what is settled; what is not holds up all behind it."""
        written, said, until, lately = 0, None, 0, 0
        for waiting in self._waiting:
            if waiting.said is not None:
                if waiting.said is not said:
                    said = waiting.said
                    until, lately = self._look(said)
                age = now - waiting.at
                settled = waiting.end <= (until if age > PAUSE_US else lately)
                private = waiting.allowed or self._asks
                if private and not (over or settled or age > LONGEST_US):
                    break
            self._ready.append(self._written(waiting))
            self._ready += waiting.behind
            written += 1
        del self._waiting[:written]
        if not self._waiting:
            self.behind = self._ready

    def _look(self, said: Said) -> tuple[int, int]:
        """Up to which character it is settled: of what was said a while ago, and just now."""
        line = said.line
        self._lines.look(said.side)
        said.shown = said.shown[: said.written] + line.covered()[said.written :]
        if not line.kept:
            return NEVER, NEVER
        if said.complete:
            end = -1 if self._lines.is_open(said.side) else NEVER
            return end, end
        open_at = self._lines.open_at(said.side, said.item)
        return open_at, min(open_at, _last_words(line))

    def _written(self, waiting: Waiting) -> bytes:
        what, at = waiting.what, waiting.at
        match what:
            case CallerWords() | AssistantWords() | ShowWords():
                if (text := self._known(waiting)) is not None:
                    return spelt(what if text == what.text else replace(what, text=text), at)
            case Remind(role="system", text=said) if waiting.allowed:
                return spelt(replace(what, text=self._cover(self._record(said))), at)
            case CallerText(note=note):
                if (text := self._known(waiting)) is not None:
                    return spelt(CallerText(text, self._cover(note)), at)
            case SendText(text=said) | Remind(text=said):
                if (text := self._known(waiting)) is not None:
                    text += self._cover(said[waiting.end - waiting.start :])
                    return spelt(replace(what, text=text), at)
        line = SPELT[type(what)](what, at, self._width)
        return encode(self._hidden(waiting)) + b"\n" if line is None else line

    def _known(self, waiting: Waiting) -> str | None:
        """The text of a line, where what its side has said tells how it may be read."""
        said = waiting.said
        if said is None:
            return None
        if said.side == WHOLE and said.item in self._answers:
            return self._answers[said.item]
        if not waiting.allowed:
            return None
        if not said.allowed:
            return covered(said.line.text[waiting.start : waiting.end])
        if said.written < waiting.end:
            said.written = waiting.end
        return said.shown[waiting.start : waiting.end]

    def _record(self, text: str) -> str:
        """What was said, in short: in it stand whole sentences, in another order."""
        for said in self._said.values():
            known = said.line.text
            found = [known[one.start : one.end] for one in said.line.found]
            for piece in found if said.allowed else SENTENCE.split(known.strip()):
                alone = rf"(?<!\w){re.escape(piece)}(?!\w)"
                text = re.sub(alone, covered(piece), text) if piece else text
        return text

    def _hidden(self, waiting: Waiting) -> Json:
        """A line of which no more is known than what stands in it."""
        line = line_of(waiting.what, waiting.at, self._width)
        hidden = self.hidden(line, allowed=waiting.allowed)
        if not self._policy:
            return hidden
        if isinstance(waiting.what, CallerDigit):
            hidden["digit"] = re.sub("[0-9]", "0", line["digit"])
        elif isinstance(said := line.get("text"), str) and PRESSED.match(said):
            hidden["text"] = re.sub("[0-9]", "0", said)
        if type(waiting.what) in PARTS:
            hidden |= {key: covered(line[key]) for key in ("text", "arguments") if key in line}
        return hidden

    def _cover(self, text: str) -> str:
        return cover(text, self._policy)


def _lead(text: str) -> int:
    return len(text) - len(text.lstrip())


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
