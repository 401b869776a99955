"""Lines: what each side has said lately, so that a number is found that is spoken in pieces.

"four one one one" — "go on" — "one one one one": each line is looked at together with those before
and after it of the same side. What stands at the end of the last one, and may yet become a number,
is covered until more is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from string import ascii_letters

from gateway.redaction.detect import COVER, Finding, Policy, find, opened, suspicious

KEPT = 6  # lines of each side that are looked at together
LONGEST = 2000  # characters of them
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

    def redacted(self) -> str:
        """The line with its findings named."""
        return _replaced(self.text, self.found, named=True)

    def covered(self) -> str:
        """The line with its findings covered, as long as it is."""
        return _replaced(self.text, self.found, named=False) if self.found else self.text


class Lines:
    """The last lines of both sides of a call."""

    def __init__(self, policy: Policy, least: int = LEAST) -> None:
        self._policy = policy
        self._least = least
        self._sides: dict[str, dict[str, Line]] = {}
        self._known: dict[tuple[str, str], int] = {}  # what was asked since a side changed
        self._looked: set[str] = set()  # sides that have not changed since

    def put(self, side: str, item_id: str, text: str, *, whole: bool = True) -> None:
        """A line, as it stands now; `whole` where nothing more comes of it."""
        self._looked.discard(side)
        if self._known:
            self._known = {whose: at for whose, at in self._known.items() if whose[0] != side}
        lines = self._sides.setdefault(side, {})
        line = lines.setdefault(item_id, Line())
        line.text, line.whole = text, whole
        length = 0
        for line in lines.values():
            length += len(line.text)
        while len(lines) > KEPT or (len(lines) > 1 and length > LONGEST):
            length -= len(lines.pop(next(iter(lines))).text)

    def look(self, side: str) -> list[str]:
        """Find what there is on a side; the lines in which something else is covered than before.

        The newest line is always one of them.
        """
        lines = self._sides.get(side, {})
        if side in self._looked:
            return [next(reversed(lines))] if lines else []
        self._looked.add(side)
        found = self._find(lines)
        changed = [
            item
            for item in lines
            if found[item] != lines[item].found or item == next(reversed(lines))
        ]
        for item in lines:
            lines[item].found = found[item]
        return changed

    def line(self, side: str, item_id: str) -> Line | None:
        """A line, if it is one of the last."""
        return self._sides.get(side, {}).get(item_id)

    def over(self) -> None:
        """Nothing more is said: what stands at the end is no part of anything longer."""
        self._least = NEVER
        self._looked.clear()

    def is_open(self, side: str) -> bool:
        """Whether what is said next may belong to what stands at the end."""
        if (side, "") not in self._known:
            text = GAP.join(line.text for line in self._sides.get(side, {}).values())[-LONGEST:]
            left = suspicious(text) and opened(text, self._policy) < len(text)
            self._known[side, ""] = int(left)
        return bool(self._known[side, ""])

    def open_at(self, side: str, item_id: str) -> int:
        """Where in the newest line of a side that begins which may go on; else its length."""
        lines = self._sides.get(side, {})
        if next(reversed(lines), "") != item_id:
            return len(lines[item_id].text)
        if (side, item_id) not in self._known:
            line = lines[item_id]
            open_at = self._tail(line.text, line, 1) if suspicious(line.text) else len(line.text)
            self._known[side, item_id] = open_at
        return self._known[side, item_id]

    def _tail(self, text: str, newest: Line, least: int) -> int:
        """Where at the end of a text that begins which may go on; its length where nothing does."""
        known = text if newest.whole else text.rstrip(WORD_SIGNS)
        start = opened(known, self._policy, least)
        return start if start < len(known) else len(text)

    def _find(self, lines: dict[str, Line]) -> dict[str, list[Finding]]:
        found: dict[str, list[Finding]] = {item: [] for item in lines}
        text = GAP.join(line.text for line in lines.values())
        if not suspicious(text):
            return found
        every = find(text, self._policy)
        if (tail := self._tail(text, lines[next(reversed(lines))], self._least)) < len(text):
            begun = [one for one in every if one.end > tail]
            every = [one for one in every if one.end <= tail]
            kind = begun[0].kind if begun else "number"
            start = min([tail, *(one.start for one in begun)])
            every.append(Finding(kind, start, len(text.rstrip(BEHIND))))
        at = 0
        for item, line in lines.items():
            end = at + len(line.text)
            for one in every:
                start, stop = max(one.start, at), min(one.end, end)
                if start < stop:
                    found[item].append(Finding(one.kind, start - at, stop - at))
            at = end + len(GAP)
        return found


def _replaced(text: str, found: list[Finding], *, named: bool) -> str:
    done = 0
    parts: list[str] = []
    for one in found:
        piece = text[one.start : one.end]
        hidden = "".join(sign if sign.isspace() else COVER for sign in piece)
        parts += text[done : one.start], f"[{one.kind}]" if named else hidden
        done = one.end
    return "".join((*parts, text[done:]))
