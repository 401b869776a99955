"""Outgoing: orders to the model; they wait until the way to it is first open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from gateway.call.effects import SendAudio, ToAssistant

T = TypeVar("T")

WAITING = 3_000  # orders kept while the way opens: of the caller's audio a minute at least


class Outgoing:
    """The way to the model: opening, then open, now and then away, at last lost.

    What is said while it is away needs no keeping: the next session is told how things stand then.
    """

    def __init__(self) -> None:
        self.open = False
        self.lost = False
        self._away = False
        self._waiting: list[ToAssistant] = []

    def tell(self, effect: ToAssistant) -> Iterable[ToAssistant]:
        """The order, now or once the way is open. Of audio that waits too long the oldest goes."""
        if self.open:
            return (effect,)
        if not self.lost and not self._away:
            self._waiting.append(effect)
            if len(self._waiting) > WAITING:
                self._drop_oldest_audio()
        return ()

    def _drop_oldest_audio(self) -> None:
        for index, effect in enumerate(self._waiting):
            if isinstance(effect, SendAudio):
                del self._waiting[index]
                return
        del self._waiting[0]

    def opened(self) -> Iterator[ToAssistant]:
        """The way is open: what waited goes first."""
        self.open, self._away = True, False
        yield from joined(self._waiting)
        self._waiting.clear()

    def pause(self) -> None:
        """The way is gone, and another is sought."""
        self.open, self._away = False, True
        self._waiting.clear()

    def end(self) -> None:
        """The way is gone."""
        self.open, self.lost = False, True
        self._waiting.clear()


def joined(orders: Iterable[T]) -> list[T | SendAudio]:
    """The same orders, with sound that goes to the model at once in one piece."""
    together: list[T | SendAudio] = []
    pieces: list[bytes] = []
    for order in orders:
        if isinstance(order, SendAudio):
            pieces.append(order.pcm)
            continue
        if pieces:
            together.append(SendAudio(b"".join(pieces)))
            pieces.clear()
        together.append(order)
    if pieces:
        together.append(SendAudio(b"".join(pieces)))
    return together
