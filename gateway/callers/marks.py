"""Marks: what a provider's echo says of what the caller has heard, one mark a slice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from audio.format import Format
from gateway.call.effects import Play
from gateway.call.events import CallerPlayed
from gateway.callers.dialect import Message

LIMIT = 4096  # marks that wait for their echo; beyond that the oldest is forgotten


class Marks:
    """The marks of one connection; one of before the last flush proves nothing when it returns."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._waiting: OrderedDict[str, CallerPlayed] = OrderedDict()
        self._count = 0
        self._generation = 0

    def among(
        self,
        pieces: Iterable[Play],
        form: Format,
        sound: Callable[[Play], Iterable[Message]],
        mark: Callable[[str], Message],
    ) -> list[Message]:
        """Slices as `sound` writes them, and marks as `mark` does: one behind each.

        One more stands before a slice which nothing is played ahead of: it comes back when that
        begins to be heard; without it nobody knows before its end.
        """
        messages: list[Message] = []
        for piece in pieces:
            if not self._waiting:
                messages.append(mark(self.after(piece, 0)))
            messages += sound(piece)
            messages.append(mark(self.after(piece, len(piece.pcm) // form.width)))
        return messages

    def after(self, play: Play, samples: int) -> str:
        """The name of a mark that stands behind so many samples of a slice."""
        self._count += 1
        name = f"{play.generation}.{self._count}"
        self._generation = play.generation
        played = CallerPlayed(play.item_id, play.position + samples, play.generation)
        self._waiting[name] = played
        if len(self._waiting) > self._limit:
            self._waiting.popitem(last=False)
        return name

    def flushed(self, generation: int) -> None:
        """What was sent is taken back: marks that come back now were not heard."""
        self._generation = generation
        self._waiting.clear()

    def echoed(self, name: str) -> CallerPlayed | None:
        """What the caller has heard when this mark comes back; nothing for one that is not ours."""
        return self._waiting.pop(name, None)

    def __len__(self) -> int:
        return len(self._waiting)
