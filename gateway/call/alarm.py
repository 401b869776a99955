"""Alarm: when the call wants to be told that time has passed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


def earliest(times: Iterable[int | None], after: int = -1) -> int | None:
    """The first of these times that is to come."""
    soonest = None
    for time in times:
        if time is not None and time > after and (soonest is None or time < soonest):
            soonest = time
    return soonest


class Part(Protocol):
    """Something that wants to be settled at a time of its own."""

    @property
    def deadline(self) -> int | None: ...


class Waits(Part, Protocol):
    """One whose deadline goes by how far the assistant's sound is."""

    def sounded(self, now: int) -> None: ...


class Alarm:
    """The earliest of the parts' deadlines.

    That of the caller's frames is looked at as it stands, that of the assistant's sound as it was
    set. While sound goes on only that of the one that waits for it moves, and only away: until it
    would come, nobody asks how far.
    """

    def __init__(self, frames: Part, sound: Part, waits: Waits, *others: Part) -> None:
        self._frames = frames
        self._sound = sound
        self._waits = waits
        self._others = others
        self._sound_due: int | None = None
        self._others_due: int | None = None
        self._due: int | None = None  # of them and of what waits for sound, or earlier
        self._set_at = 0
        self._moved = False  # whether theirs may be later by now

    def set(self, now: int, *, sound_alone: bool = False) -> bool:
        """Something has changed; `sound_alone`: nothing but how far the assistant's sound is.

        Returns whether something may be due sooner than before.
        """
        self._set_at, self._moved = now, sound_alone
        before, due = self._sound_due, self._sound.deadline
        self._sound_due = due if due is not None and due > now else None
        if not sound_alone:
            self._others_due = earliest([part.deadline for part in self._others], now)
            self._due = earliest((self._others_due, self._waits.deadline), now)
            return True
        return due is not None and (before is None or due < before)

    def later(self, now: int) -> None:
        """The assistant's sound is further than it was, and what waits for it may be later."""
        self._set_at, self._moved = now, True

    def rings(self, now: int) -> bool:
        """Whether the sound, or one of the others, is due."""
        if self._sound_due is not None and now >= self._sound_due:
            return True
        return self.wakes(now)

    def wakes(self, now: int) -> bool:
        """Whether one of the others is due."""
        if not self.may_wake(now):
            return False
        self._look()
        return self.may_wake(now)

    def may_wake(self, now: int) -> bool:
        """Whether one of the others is due, unless it has moved by now: nobody looks."""
        return self._due is not None and now >= self._due

    def at(self, now: int) -> int | None:
        """The next time; always in the future."""
        soonest = self._frames.deadline
        if soonest is not None and soonest <= now:
            soonest = None
        if self._sound_due is not None and (soonest is None or self._sound_due < soonest):
            soonest = self._sound_due
        if self._due is not None and (soonest is None or self._due < soonest):
            self._look()  # it may be later by now, or not at all
            if self._due is not None and (soonest is None or self._due < soonest):
                return self._due
        return soonest

    def _look(self) -> None:
        if self._moved:
            self._waits.sounded(self._set_at)
            self._moved = False
            self._due = earliest((self._others_due, self._waits.deadline), self._set_at)
