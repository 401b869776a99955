"""Transcript: who said what and when, the assistant's words cut at what was heard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.call.effects import WRITTEN, Effect, Role, ShowWords


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
    """The lines of a call in the order in which they began."""

    def __init__(self) -> None:
        self._lines: dict[str, TranscriptLine] = {}
        self._written = 0
        self._open: TranscriptLine | None = None  # recognised while it is still being spoken

    def caller_began(self, item_id: str, at: int) -> None:
        """The caller's item began to be said at that time."""
        line = self._lines.setdefault(item_id, TranscriptLine(item_id, "caller", at))
        line.committed = True

    def caller_wrote(self, text: str, at: int) -> ShowWords:
        """The caller typed, or pressed keys."""
        return self.written("caller", text, at)

    def written(self, role: Role, text: str, at: int) -> ShowWords:
        """A line that is not spoken: typed, or put into the conversation by a program."""
        self._written += 1
        item_id = f"{WRITTEN}{self._written}"
        line = TranscriptLine(item_id, role, at, text.strip(), final=True)
        self._lines[item_id] = line
        return line.show()

    def caller_took_back(self) -> ShowWords | None:
        """What was being said was no turn: its words, if any were recognised, are taken away."""
        line, self._open = self._open, None
        if line is None or line.committed or line.final:
            return None
        line.text, line.final = "", True
        return line.show()

    def forget(self, item_id: str) -> ShowWords | None:
        """What was recognised of an item so far will be recognised anew, as another item."""
        line = self._lines.pop(item_id, None)
        if line is None or line.final or not line.text:
            return None
        line.text, line.final = "", True
        return line.show()

    def trim(self, item_id: str, received: int) -> ShowWords | None:
        """No more audio comes of this item: the words beyond it will never be said."""
        line = self._lines.get(item_id)
        if line is None or line.final:
            return None
        line.marks = [(start, text) for start, text in line.marks if start < received]
        whole = "".join(text for _, text in line.marks)
        if whole == line.text:
            return None
        line.text = whole
        return line.show()

    def caller_said(self, item_id: str, text: str, final: bool, at: int) -> ShowWords | None:
        """Words of the caller: an addition, or the whole when final."""
        line = self._lines.setdefault(item_id, TranscriptLine(item_id, "caller", at))
        if line.final:
            return None
        if not line.committed:
            self._open = line
        line.text = text.strip() if final else line.text + text
        line.final = final
        return line.show()

    def assistant_says(self, item_id: str, text: str, received: int, at: int) -> ShowWords | None:
        """Words of the assistant, which belong to the audio that comes after so many samples."""
        line = self._lines.setdefault(item_id, TranscriptLine(item_id, "assistant", at))
        if line.final:
            return None
        line.marks.append((received, text))
        line.text += text
        return line.show()

    def heard_all(self, item_id: str) -> ShowWords | None:
        """The item was heard to its end."""
        line = self._lines.get(item_id)
        if line is None or line.final:
            return None
        line.final = True
        line.marks.clear()
        return line.show()

    def cut(self, item_id: str, heard: int, received: int) -> ShowWords | None:
        """The item was stopped after so many samples; what was not heard was not said."""
        line = self._lines.get(item_id)
        if line is None or line.final:
            return None
        line.text = _heard_words(line.marks, heard, received)
        line.final = line.cut = True
        line.marks.clear()
        return line.show()


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
        elif heard > start:
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
