"""Pacing: sound that is written frame by frame, each at its own time, by one timer for all lines.

Some peers play what they are sent the moment it comes. To them each line owes exactly one frame in
each period, speech where there is some and silence where there is none. `Player` is what one line
plays, and knows what was heard of it; `Metronome` says to all lines of a listener how many periods
have passed. It counts from a fixed beginning, so that no delay of one period is added to the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from audio.format import Format
from gateway.call.effects import Play
from gateway.call.events import CallerPlayed

PERIOD_US = 20_000
REPORT_EVERY = 5  # frames of one item between two reports of what was heard of it
EPSILON = 1e-6  # of a period: a timer may ring this much too early

Beat = Callable[[int], None]


@dataclass(slots=True)
class _Waiting:
    """A piece that waits to be heard, and how many bytes of it were taken."""

    play: Play
    taken: int = 0


class Player:
    """What one line plays, in whole frames of its wire's format."""

    def __init__(self, form: Format, period: int = PERIOD_US) -> None:
        self.size = form.rate * period // 1_000_000 * form.width  # bytes of a frame
        self._width = form.width
        self._silence = form.silence(self.size // form.width)
        self._waiting: deque[_Waiting] = deque()
        # Where the last frame ended: the item, how much of it was written, its generation.
        self._place: tuple[str, int, int] | None = None
        self._told = 0  # frames since something was told

    @property
    def waiting(self) -> int:
        """Bytes that wait to be heard."""
        return sum(len(one.play.pcm) - one.taken for one in self._waiting)

    def add(self, play: Play) -> None:
        """Play this behind what waits."""
        if play.pcm:
            self._waiting.append(_Waiting(play))

    def flush(self) -> None:
        """Nothing that waits is to be heard."""
        self._waiting.clear()
        self._place = None

    def take(self) -> tuple[bytes, list[CallerPlayed]]:
        """The next frame, and what is to be told of what has been heard, now that it is written.

        It is told where an item begins and ends, and after each few frames between: whoever asks
        between two reports counts the time since the last one. What is written cannot be taken
        back, and will be heard; so half of this frame is counted as heard from its beginning on,
        and whoever asks within it is wrong by half a frame at most.
        """
        heard: list[CallerPlayed] = []
        if not self._waiting:
            if self._place is not None:  # nothing follows it
                heard.append(CallerPlayed(*self._place))
                self._place = None
            return self._silence, heard
        frame = self._piece(self.size, heard)
        while (missing := self.size - len(frame)) and self._waiting:
            frame += self._piece(missing, heard)
        return frame + self._silence[:missing] if missing else frame, heard

    def _piece(self, missing: int, heard: list[CallerPlayed]) -> bytes:
        """Up to so many bytes of what comes next."""
        one = self._waiting[0]
        play = one.play
        piece = play.pcm[one.taken : one.taken + missing]
        taken = len(piece)
        position = play.position + one.taken // self._width
        goes_on = self._place == (play.item_id, position, play.generation)
        if self._place is not None and not goes_on:
            heard.append(CallerPlayed(*self._place))  # another item begins in mid-frame
        if missing == self.size or not goes_on:
            self._told = self._told + 1 if goes_on else REPORT_EVERY
            if self._told >= REPORT_EVERY:
                self._told = 0
                half = min(taken, self.size // 2) // self._width
                heard.append(CallerPlayed(play.item_id, position + half, play.generation))
        one.taken += taken
        if one.taken == len(play.pcm):
            self._waiting.popleft()
        self._place = (play.item_id, position + taken // self._width, play.generation)
        return piece


@dataclass(frozen=True, slots=True)
class Punctuality:
    """How a metronome has kept time."""

    rings: int
    late: int  # of those: a period or more after their time
    latest: float  # seconds


@dataclass(slots=True)
class Paced:
    """How one line's frames went out."""

    written: int = 0
    caught_up: int = 0  # of those: in a burst, because the beat came late
    skipped: int = 0  # whose time went by longer than a burst ago, or while the peer did not read


class Metronome:
    """One timer for all the lines of a listener."""

    def __init__(self, period: float = PERIOD_US / 1_000_000) -> None:
        self._period = period
        self._beats: dict[Beat, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._began = 0.0
        self._rings = 0
        self._late = 0
        self._latest = 0.0
        self.due = 0.0  # when the next period begins, on the loop's clock

    def number(self) -> int:
        """How many periods have passed since the beginning."""
        now = asyncio.get_running_loop().time()
        return int((now - self._began) / self._period + EPSILON)

    def join(self, beat: Beat) -> None:
        """Tell this line at each period the number of it."""
        if self._timer is None:
            self._began = asyncio.get_running_loop().time()
            self._arm(0)
        self._beats[beat] = None

    def leave(self, beat: Beat) -> None:
        """Tell it no more."""
        self._beats.pop(beat, None)
        if not self._beats and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def statistics(self) -> Punctuality:
        """How time was kept so far."""
        return Punctuality(self._rings, self._late, self._latest)

    def _arm(self, number: int) -> None:
        self.due = self._began + (number + 1) * self._period
        self._timer = asyncio.get_running_loop().call_at(self.due, self._ring, self.due)

    def _ring(self, due: float) -> None:
        lateness = asyncio.get_running_loop().time() - due
        self._rings += 1
        if lateness >= self._period:
            self._late += 1
            self._latest = max(self._latest, lateness)
        number = self.number()
        self._arm(number)
        for beat in list(self._beats):
            beat(number)
