"""Tracks: the ledger of what was received, sent and heard, of one item of the assistant's voice."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

Source = Literal["paced", "reported"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of an item that plays without a gap: where it begins in the item and in the run."""

    run_start: int  # call time at which the run began, in microseconds
    offset: int  # samples of the run before this stretch
    position: int  # samples of the item before this stretch


@dataclass(slots=True)
class Track:
    """The ledger of one item, in samples: received from the model, sent to the caller."""

    item_id: str
    response_id: str
    received: int = 0
    sent: int = 0
    reported: int = 0
    ended: bool = False  # no more audio will be received
    waiting: deque[bytes] = field(default_factory=deque)
    spans: list[Span] = field(default_factory=list)

    def take(self, wanted: int) -> bytes:
        """Up to so many bytes of what waits, in one piece."""
        pieces: list[bytes] = []
        while wanted and self.waiting:
            piece = self.waiting.popleft()
            if len(piece) > wanted:
                self.waiting.appendleft(piece[wanted:])
                piece = piece[:wanted]
            pieces.append(piece)
            wanted -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def goes_on(self, run_start: int, offset: int) -> bool:
        """Whether the next piece, sent at that place of the run, follows the last without a gap."""
        if not self.spans:
            return False
        last = self.spans[-1]
        return last.run_start == run_start and offset - last.offset == self.sent - last.position


@dataclass(frozen=True, slots=True)
class CutItem:
    """An item that was stopped before its end: how much of it was received, and how much heard."""

    item_id: str
    response_id: str
    received: int
    heard: int
    source: Source  # how `heard` is known
