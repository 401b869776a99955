"""Alarm: when the call wants to be told that time has passed."""

from __future__ import annotations

from typing import Protocol


class Part(Protocol):
    """Something that wants to be settled at a time of its own."""

    @property
    def deadline(self) -> int | None: ...


class Alarm:
    """The earliest of the parts' deadlines: of one as it stands, of the others as they were set."""

    def __init__(self, living: Part, *others: Part) -> None:
        self._living = living  # whose deadline moves with every frame
        self._others = others
        self._due: int | None = None  # of the others

    def set(self, now: int) -> None:
        """The others may have changed."""
        times = (part.deadline for part in self._others)
        self._due = min((t for t in times if t is not None and t > now), default=None)

    def rings(self, now: int) -> bool:
        """Whether one of the others is due."""
        return self._due is not None and now >= self._due

    def at(self, now: int) -> int | None:
        """The next time; always in the future."""
        living = self._living.deadline
        if living is None or living <= now:
            return self._due
        return living if self._due is None else min(living, self._due)
