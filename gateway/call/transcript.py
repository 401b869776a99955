"""Transcript: who said what and when, the assistant's words cut at what was heard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.call.effects import WRITTEN, Effect, Role, ShowWords
from gateway.recent import keep

LINES = 256  # that are being said at once: those that wait to be heard, and a few of the caller's
TURNS = 64  # of the caller, whose words are awaited
ENDED = 64  # lines that are known to be final, should more come of them


@dataclass(slots=True)
class TranscriptLine:
    """What one item says. `marks` tie its words to its audio: (samples received before, text)."""

    item_id: str
    role: Role
    at: int  # call time, microseconds
    text: str = ""
    final: bool = False
    cut: bool = False
    committed: bool = False  # the caller's: whether it became an item
    marks: list[tuple[int, str]] = field(default_factory=list)

    def show(self) -> ShowWords:
        """The line as it stands."""
        return ShowWords(self.item_id, self.role, self.text, self.at, self.final, self.cut)


class Transcript:
    """The lines of a call that are being said; one that is final is shown, and let go."""

    def __init__(self) -> None:
        self._lines: dict[str, TranscriptLine] = {}
        self._turns: dict[str, int] = {}  # items of the caller without words yet, and their times
        self._ended: dict[str, None] = {}  # lines that were final lately
        self._written = 0
        self._open: TranscriptLine | None = None  # recognised while it is still being spoken

    def caller_began(self, item_id: str, at: int) -> None:
        """The caller's item began to be said at that time."""
        if (line := self._lines.get(item_id)) is not None:
            line.committed = True
        elif item_id not in self._ended and item_id not in self._turns:
            keep(self._turns, item_id, at, TURNS)

    def caller_wrote(self, text: str, at: int) -> ShowWords:
        """The caller typed, or pressed keys."""
        return self.written("caller", text, at)

    def written(self, role: Role, text: str, at: int) -> ShowWords:
        """A line that is not spoken: typed, or put into the conversation by a program."""
        self._written += 1
        return ShowWords(f"{WRITTEN}{self._written}", role, text.strip(), at, final=True)

    def caller_took_back(self) -> ShowWords | None:
        """What was being said was no turn: its words, if any were recognised, are taken away."""
        line, self._open = self._open, None
        if line is None or line.committed or line.final:
            return None
        line.text = ""
        return self._end(line)

    def forget(self, item_id: str) -> ShowWords | None:
        """What was recognised of an item so far will be recognised anew, as another item."""
        self._turns.pop(item_id, None)
        self._ended.pop(item_id, None)
        line = self._lines.pop(item_id, None)
        if line is None or not line.text:
            return None
        line.text, line.final = "", True
        return line.show()

    def _end(self, line: TranscriptLine) -> ShowWords:
        line.final = True
        self._lines.pop(line.item_id, None)
        keep(self._ended, line.item_id, None, ENDED)
        return line.show()

    def trim(self, item_id: str, received: int) -> ShowWords | None:
        """No more audio comes of this item: the words beyond it will never be said."""
        line = self._lines.get(item_id)
        if line is None:
            return None
        line.marks = [(start, text) for start, text in line.marks if start < received]
        whole = "".join(text for _, text in line.marks)
        if whole == line.text:
            return None
        line.text = whole
        return line.show()

    def caller_said(self, item_id: str, text: str, final: bool, at: int) -> ShowWords | None:
        """Words of the caller: an addition, or the whole when final."""
        began = self._turns.pop(item_id, None)
        if (line := self._line(item_id, "caller", at if began is None else began)) is None:
            return None
        line.committed = line.committed or began is not None
        if not line.committed:
            self._open = line
        line.text = text.strip() if final else line.text + text
        return self._end(line) if final else line.show()

    def assistant_says(self, item_id: str, text: str, received: int, at: int) -> ShowWords | None:
        """Words of the assistant, which belong to the audio that comes after so many samples."""
        if (line := self._line(item_id, "assistant", at)) is None:
            return None
        line.marks.append((received, text))
        line.text += text
        return line.show()

    def _line(self, item_id: str, role: Role, at: int) -> TranscriptLine | None:
        """The line, a new one where there is none; None where it is final."""
        line = self._lines.get(item_id)
        if line is None and item_id not in self._ended:
            line = TranscriptLine(item_id, role, at)
            keep(self._lines, item_id, line, LINES)
        return line

    def heard_all(self, item_id: str) -> ShowWords | None:
        """The item was heard to its end."""
        line = self._lines.get(item_id)
        return None if line is None else self._end(line)

    def cut(self, item_id: str, heard: int, received: int) -> ShowWords | None:
        """The item was stopped after so many samples; what was not heard was not said."""
        line = self._lines.get(item_id)
        if line is None:
            return None
        line.text, line.cut = _heard_words(line.marks, heard, received), True
        return self._end(line)


def _heard_words(marks: list[tuple[int, str]], heard: int, received: int) -> str:
    """The words up to a position: whole pieces before it, and its share of the piece it falls in.

    Several pieces may arrive before their audio does; they share the audio until the next mark.
    """
    merged: list[tuple[int, str]] = []
    for start, text in marks:
        if merged and merged[-1][0] == start:
            merged[-1] = (start, merged[-1][1] + text)
        else:
            merged.append((start, text))
    said = ""
    for index, (start, text) in enumerate(merged):
        end = merged[index + 1][0] if index + 1 < len(merged) else received
        if heard >= end > start:
            said += text
        elif start < heard < end:
            said += _whole_words(text, (heard - start) / (end - start))
            break
        else:
            break
    return said.strip()


def _whole_words(text: str, share: float) -> str:
    """The whole words that lie within the first part of a text."""
    end = round(len(text) * share)
    if end >= len(text) or text[end].isspace():
        return text[:end]
    return text[: text.rfind(" ", 0, end) + 1] if " " in text[:end] else ""


def some(effect: Effect | None) -> Iterator[Effect]:
    """The effect, where there is one."""
    if effect is not None:
        yield effect
