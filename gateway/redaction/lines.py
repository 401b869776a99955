"""Lines: what each side has said lately, so that a number is found that is spoken in pieces.

"four one one one" — "go on" — "one one one one": each line is looked at together with those before
and after it of the same side. What stands at the end of the last one, and may yet become a number,
is covered until more is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from string import ascii_letters

from gateway.redaction.detect import (
    COVER,
    FEWEST,
    Finding,
    Policy,
    hidden,
    opened,
    suspicious,
)
from gateway.redaction.tokens import is_between

KEPT = 6  # lines of each side that are looked at together, and as many that only say "okay"
LONGEST = 2000  # characters of them
NOD = 16  # characters, at most, of a line that says no more than that the number may go on
WORD_SIGNS = ascii_letters + "äöüßéèêáíóúñçÄÖÜ"
BEHIND = " \n\t.,;:!?)]}\"'"
GAP = "\n"  # between two lines; a number may go on across it
LEAST = 4  # digits at the end that are covered before it is known what they are
NEVER = 1 << 30


@dataclass(slots=True)
class Line:
    """A line as it stands, and what is covered in it."""

    text: str = ""
    whole: bool = True  # else its last word may be the beginning of one
    found: list[Finding] = field(default_factory=list)
    goes_on: bool = False  # the first finding began in the line before
    held: list[Finding] = field(default_factory=list)  # of which the beginning was let go
    kept: bool = True  # among the last of its side; else what was found is all that ever is
    nods: bool = False  # it says nothing of its own, and pushes out nobody

    def redacted(self) -> str:
        """The line with its findings named."""
        return _replaced(self.text, self.found, named=True)

    def covered(self) -> str:
        """The line with its findings covered, as long as it is."""
        return _replaced(self.text, self.found, named=False) if self.found else self.text


@dataclass(slots=True)
class Side:
    """The last lines of one side, and what is known of them as they stand."""

    lines: dict[str, Line] = field(default_factory=dict)
    length: int = 0  # characters
    changed: set[str] = field(default_factory=set)  # covered otherwise than somebody was told
    looked: bool = False
    read: bool = False  # whether the next three are of the lines as they stand
    text: str = ""
    suspicious: bool = False
    is_open: bool | None = None  # None: nobody has asked

    def is_full(self) -> bool:
        """Whether a line is to be let go; not the newest."""
        if self.length > LONGEST:
            return len(self.lines) > 1
        nods = sum(line.nods for line in self.lines.values()) if len(self.lines) > KEPT else 0
        return len(self.lines) - min(nods, KEPT) > KEPT

    def see(self) -> bool:
        """Whether a closer look may find anything; `text` is what is to be looked at."""
        if not self.read:
            self.text = GAP.join([line.text for line in self.lines.values()])
            self.suspicious = suspicious(self.text)
            self.read, self.is_open = True, None
        return self.suspicious


class Lines:
    """The last lines of both sides of a call."""

    def __init__(self, policy: Policy, least: int = LEAST) -> None:
        self._policy = policy
        self._least = least
        self._sides: defaultdict[str, Side] = defaultdict(Side)

    def put(self, side: str, item_id: str, text: str, *, whole: bool = True) -> Line:
        """A line, as it stands now; `whole` where nothing more comes of it."""
        known = self._sides[side]
        line = known.lines.get(item_id)
        if line is None:
            line = known.lines[item_id] = Line()
        known.length += len(text) - len(line.text)
        known.looked = known.read = False
        if line.held and not text.startswith(line.text):
            line.held = []
        line.text, line.whole = text, whole
        line.nods = len(text) <= NOD and is_between(text)
        if known.is_full():
            self._let_go(known)
        return line

    def look(self, side: str) -> list[str]:
        """Find what there is on a side; the lines in which something else is covered than before.

        The newest line is always one of them.
        """
        known = self._sides[side]
        if not known.lines:
            return []
        self._look(known)
        changed, known.changed = known.changed | {next(reversed(known.lines))}, set()
        return [item for item in known.lines if item in changed]

    def line(self, side: str, item_id: str) -> Line | None:
        """A line, if it is one of the last."""
        return self._sides[side].lines.get(item_id)

    def over(self) -> None:
        """Nothing more is said: what stands at the end is no part of anything longer."""
        self._least = NEVER
        for side in self._sides.values():
            side.looked = False

    def is_open(self, side: str) -> bool:
        """Whether what is said next may belong to what stands at the end."""
        known = self._sides[side]
        if not known.see():
            return False
        if known.is_open is None:
            text = known.text[-LONGEST:]
            known.is_open = opened(text, self._policy) < len(text)
        return known.is_open

    def open_at(self, side: str, item_id: str) -> int:
        """Where in the newest line of a side that begins which may go on; else its length."""
        known = self._sides[side]
        line = known.lines[item_id]
        if not known.see() or next(reversed(known.lines)) != item_id or not suspicious(line.text):
            return len(line.text)
        return self._tail(line.text, line, 1)

    def _let_go(self, side: Side) -> None:
        """Of the oldest lines, which are looked at a last time."""
        lines = side.lines
        self._look(side)
        while side.is_full():
            line = lines.pop(next(iter(lines)))
            line.kept = side.looked = side.read = False
            side.length -= len(line.text)
        for line in takewhile(lambda line: line.goes_on, lines.values()):
            line.held = line.found[:1]

    def _look(self, side: Side) -> None:
        if side.looked:
            return
        side.looked = True
        found = self._find(side) if side.see() else {}
        for item, line in side.lines.items():
            now = found.get(item, [])
            if line.held:
                end = line.held[0].end
                rest = [one for one in now if one.end > end]
                now = line.held + [Finding(one.kind, max(one.start, end), one.end) for one in rest]
            if line.found != now:
                line.found = now
                side.changed.add(item)

    def _tail(self, text: str, newest: Line, least: int) -> int:
        """Where at the end of a text that begins which may go on; its length where nothing does."""
        known = text if newest.whole else text.rstrip(WORD_SIGNS)
        before = max(0, len(known) - LONGEST)
        start = before + opened(known[before:], self._policy, least)
        return start if start < len(known) else len(text)

    def _find(self, side: Side) -> dict[str, list[Finding]]:
        lines, text = side.lines, side.text
        found: dict[str, list[Finding]] = {item: [] for item in lines}
        every = hidden(text, self._policy)
        if (tail := self._tail(text, lines[next(reversed(lines))], self._least)) < len(text):
            begun = [one for one in every if one.end > tail]
            every = [one for one in every if one.end <= tail]
            kind = begun[0].kind if begun else "number"
            start = min([tail, *(one.start for one in begun)])
            every.append(Finding(kind, start, len(text.rstrip(BEHIND))))
        at = 0
        for item, line in lines.items():
            end = at + len(line.text)
            line.goes_on = bool(line.held)
            for one in every:
                start, stop = max(one.start, at), min(one.end, end)
                if start < stop:
                    line.goes_on |= one.start < at
                    found[item].append(Finding(one.kind, start - at, stop - at))
            at = end + len(GAP)
        return found


def redacted(said: Sequence[tuple[str, str]], policy: Policy) -> list[str]:
    """All that was said, each text behind its side, with what is personal named instead."""
    texts = [text for _, text in said]
    if not suspicious(GAP.join(texts), min(FEWEST, policy.digits)):
        return texts
    lines = Lines(policy)
    known = [lines.put(side, str(at), text) for at, (side, text) in enumerate(said)]
    lines.over()
    for side in {side for side, _ in said}:
        lines.look(side)
    return [line.redacted() for line in known]


def _replaced(text: str, found: list[Finding], *, named: bool) -> str:
    done = 0
    parts: list[str] = []
    for one in found:
        piece = text[one.start : one.end]
        hidden = "".join(sign if sign.isspace() else COVER for sign in piece)
        parts += text[done : one.start], f"[{one.kind}]" if named else hidden
        done = one.end
    return "".join((*parts, text[done:]))
