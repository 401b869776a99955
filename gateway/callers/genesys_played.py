"""Played: what was heard, where the far end says only when it begins and when it ends to play."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.call.effects import Play
from gateway.call.events import CallerPlayed

REMEMBERED = 256  # items


@dataclass(slots=True)
class _Stretch:
    """Of an item: from where to where it was sent."""

    begin: int
    end: int
    generation: int


class Played:
    """The sound that was sent since the far end last fell silent. One sample is one byte."""

    def __init__(self) -> None:
        self._sent: OrderedDict[str, _Stretch] = OrderedDict()

    def sent(self, play: Play) -> None:
        """A slice has gone out."""
        end = play.position + len(play.pcm)
        stretch = self._sent.setdefault(play.item_id, _Stretch(play.position, end, play.generation))
        stretch.end = end
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)

    def flushed(self) -> None:
        """What was sent is taken back: what the far end says of it proves nothing."""
        self._sent.clear()

    def started(self) -> Iterator[CallerPlayed]:
        """The far end begins to play what was sent first."""
        for item_id, stretch in list(self._sent.items())[:1]:
            yield CallerPlayed(item_id, stretch.begin, stretch.generation)

    def completed(self) -> Iterator[CallerPlayed]:
        """The far end has played all that was sent."""
        sent, self._sent = self._sent, OrderedDict()
        for item_id, stretch in sent.items():
            yield CallerPlayed(item_id, stretch.end, stretch.generation)
