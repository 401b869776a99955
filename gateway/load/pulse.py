"""Pulse: one timer for all the calls of a process, each at a phase of its own, and how late it was.

Telephones do not send in step with each other; so calls are spread over the 20 ms of a frame.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

FRAME = 0.02  # seconds between two beats of a call
PHASES = 20
STEP = FRAME / PHASES
MOST = 2_000  # lateness samples that are kept between two reports

Beat = Callable[[float], None]


class Wheel:
    """Calls everyone once a frame, with the time that it is."""

    def __init__(self) -> None:
        self._phases: list[dict[Beat, None]] = [{} for _ in range(PHASES)]
        self._places: dict[Beat, int] = {}
        self._late: list[float] = []
        self._step = 0
        self._began = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def join(self, beat: Beat) -> None:
        """Call this one, at the phase that has the fewest."""
        place = min(range(PHASES), key=lambda one: len(self._phases[one]))
        self._phases[place][beat] = None
        self._places[beat] = place
        if self._timer is None:
            self._began, self._step = asyncio.get_running_loop().time(), 0
            self._arm()

    def leave(self, beat: Beat) -> None:
        """Call it no more."""
        if (place := self._places.pop(beat, None)) is not None:
            del self._phases[place][beat]
        if not self._places and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def lateness(self) -> list[float]:
        """By how many seconds steps came late since this was last asked."""
        late, self._late = self._late, []
        return late

    def _arm(self) -> None:
        due = self._began + (self._step + 1) * STEP
        self._timer = asyncio.get_running_loop().call_at(due, self._ring)

    def _ring(self) -> None:
        """Every step that is due; one that came late is made up for, none is left out."""
        loop = asyncio.get_running_loop()
        late = loop.time() - (self._began + (self._step + 1) * STEP)
        if len(self._late) < MOST:
            self._late.append(max(0.0, late))
        due = int((loop.time() - self._began) / STEP + 1e-6)
        while self._step < due and self._places:
            self._step += 1
            for beat in list(self._phases[self._step % PHASES]):
                beat(time.monotonic())
        if self._places:
            self._arm()
