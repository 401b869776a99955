"""Pre-roll: the caller's last sound while the gate is shut, which goes out first when it opens."""

from __future__ import annotations

from collections import deque

Piece = tuple[bytes, int]  # of sound, and the call time at which it ended


class PreRoll:
    """So much of what came last, in pieces as it came; when it was spoken stays with each."""

    def __init__(self, most: int) -> None:
        self._most = most  # bytes
        self._pieces: deque[Piece] = deque()
        self._length = 0  # of them together, in bytes

    def add(self, piece: Piece) -> None:
        """Keep that, and of what came before it no more than the rest."""
        self._pieces.append(piece)
        self._length += len(piece[0])
        while (surplus := self._length - self._most) > 0:
            pcm, until = self._pieces.popleft()
            if len(pcm) > surplus:  # its beginning is too old, and a copy of the rest is small
                self._pieces.appendleft((pcm[surplus:], until))
            self._length -= min(surplus, len(pcm))

    def take(self) -> list[Piece]:
        """All of it, the oldest first, to be kept no longer."""
        pieces = list(self._pieces)
        self.clear()
        return pieces

    def clear(self) -> None:
        """The line was dead, or what was said is to be forgotten."""
        self._pieces.clear()
        self._length = 0
