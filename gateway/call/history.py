"""History: what has been said and done in the call, as a new session with a model is told it.

It is read off the very orders that show the conversation to the caller, so that the model
remembers what the caller has seen and heard, and nothing else. Of that a turn is left out which
a rule of the guard keeps from the model: neither another session nor a later call is told of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from gateway.call.effects import Effect, Guarded, ShowTool, ShowWords
from gateway.call.guard.rules import KEPT_FROM_MODEL
from gateway.recent import keep

SEEN = frozenset({ShowWords, ShowTool, Guarded})
LINES = 400  # that are kept; the oldest go first
CHARACTERS = 60_000  # that a session is told: a good part of the smallest context window


class History:
    """The conversation so far, in the order in which it began."""

    def __init__(self) -> None:
        self._entries: dict[str, ShowWords | ShowTool] = {}

    def see(self, effect: Effect) -> None:
        """Notice what is shown to the caller, of those of `SEEN`."""
        match effect:
            case ShowWords(item_id, text="", final=True):
                self._entries.pop(item_id, None)
            case ShowWords(item_id):
                keep(self._entries, item_id, effect, LINES)
            case ShowTool(call_id):
                keep(self._entries, f"call {call_id}", effect, LINES)
            case Guarded(place="caller") if effect.action in KEPT_FROM_MODEL:
                self._entries.pop(effect.about, None)

    def latest(
        self, besides: Collection[str] = (), room: int = CHARACTERS
    ) -> Iterator[ShowWords | ShowTool]:
        """As much of its end as a session can be told, in order; `besides`: lines left out."""
        yield from self.parted(besides, room)[1]

    def parted(
        self, besides: Collection[str] = (), room: int = CHARACTERS
    ) -> tuple[list[ShowWords | ShowTool], list[ShowWords | ShowTool]]:
        """What goes before that, and as much of the end, both in order."""
        told = [entry for name, entry in self._entries.items() if name not in besides]
        at = len(told)
        while at and (room := room - _length(told[at - 1])) >= 0:
            at -= 1
        return told[:at], told[at:]

    @property
    def length(self) -> int:
        """Characters of all that was said and done."""
        return sum(map(_length, self._entries.values()))

    @property
    def empty(self) -> bool:
        """Whether nothing has been said yet."""
        return not self._entries


def _length(entry: ShowWords | ShowTool) -> int:
    return len(entry.text if isinstance(entry, ShowWords) else entry.output)
