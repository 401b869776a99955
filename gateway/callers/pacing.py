"""Pacing: sound that is written frame by frame, each at its own time, by one timer for all lines.

Some peers play what they are sent the moment it comes. To them each line owes one frame in each
period, speech where there is some and silence where there is none. `Player` is what one line
plays, and knows what was heard of it; `Metronome` tells all lines of a listener when a period has
passed, each at a phase of its own, so that they do not all want the loop at once. It counts from a
fixed beginning, so that no delay of one period is added to the next.

Speech that ends a silence does not wait for the beat: its first frame goes at once, and the beat
with it. When lines have become early by a whole period so, they leave out a frame of silence.
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
PHASES = 10  # at which lines beat: 2 ms apart
EPSILON = 1e-6  # of a period: a timer may ring this much too early

Beat = Callable[[], None]


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
        self.still = True  # the last frame was silence, and nothing waits to follow it

    @property
    def waiting(self) -> int:
        """Bytes that wait to be heard."""
        return sum(len(one.play.pcm) - one.taken for one in self._waiting)

    def add(self, play: Play) -> bool:
        """Play this behind what waits; whether it ends a silence."""
        if not play.pcm:
            return False
        self._waiting.append(_Waiting(play))
        was_still, self.still = self.still, False
        return was_still

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
            self.still = True
            return self._silence, heard
        parts: list[bytes] = []
        missing = self.size
        while missing and self._waiting:
            parts.append(self._piece(missing, heard))
            missing -= len(parts[-1])
        if missing:
            parts.append(self._silence[:missing])
        return parts[0] if len(parts) == 1 else b"".join(parts), heard

    def _piece(self, missing: int, heard: list[CallerPlayed]) -> bytes:
        """Up to so many bytes of what comes next."""
        one = self._waiting[0]
        play = one.play
        piece = play.pcm[one.taken : one.taken + missing]
        position = play.position + one.taken // self._width
        goes_on = self._place == (play.item_id, position, play.generation)
        if self._place is not None and not goes_on:
            heard.append(CallerPlayed(*self._place))  # another item begins in mid-frame
        if missing == self.size or not goes_on:
            self._told = self._told + 1 if goes_on else REPORT_EVERY
            if self._told >= REPORT_EVERY:
                self._told = 0
                half = min(len(piece), self.size // 2) // self._width
                heard.append(CallerPlayed(play.item_id, position + half, play.generation))
        one.taken += len(piece)
        if one.taken == len(play.pcm):
            self._waiting.popleft()
        self._place = (play.item_id, position + len(piece) // self._width, play.generation)
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


class Place:
    """One line's place in the beat of its listener, from `join` to `leave`."""

    __slots__ = ("_ahead", "_early", "_joined", "_metronome", "_number", "beat", "phase")

    def __init__(self, metronome: Metronome, beat: Beat) -> None:
        self.beat = beat
        self.phase = 0
        self._metronome = metronome
        self._joined = False
        self._number = 0  # of the last period whose frame was due
        self._early = 0  # frames that are due before their time
        self._ahead = 0.0  # periods by which the line is early, in all

    def join(self) -> None:
        """Be told of each period from now on."""
        self._metronome.join(self)
        self._joined, self._number = True, self._metronome.number(self.phase)

    def leave(self) -> None:
        """Nothing is due any more."""
        if self._joined:
            self._joined = False
            self._metronome.leave(self)

    def due(self, *, quiet: bool) -> int:
        """How many frames have become due since this was last asked.

        One less where they are to be silence and the line is early by as much.
        """
        if not self._joined:
            return 0
        number = self._metronome.number(self.phase)
        due, self._number = number - self._number + self._early, number
        self._early = 0
        if quiet and due > 0 and self._ahead >= 1.0:
            self._ahead -= 1.0
            due -= 1
        return due

    def hasten(self) -> None:
        """A frame is due now, and the next one a period later."""
        if not self._joined:
            return
        metronome = self._metronome
        missing = metronome.number(self.phase) - self._number  # frames that were due before
        left = metronome.left(self.phase)
        metronome.move(self)
        self._ahead += 1.0 + left - metronome.left(self.phase)
        self._number = metronome.number(self.phase) - missing
        self._early = 1
        asyncio.get_running_loop().call_soon(self.beat)


class Metronome:
    """One timer for all the lines of a listener."""

    def __init__(self, period: float = PERIOD_US / 1_000_000) -> None:
        self._period = period
        self._step = period / PHASES  # seconds from phase to phase
        self._phases: list[dict[Place, None]] = [{} for _ in range(PHASES)]
        self._timer: asyncio.TimerHandle | None = None
        self._began = 0.0
        self._rung = 0  # steps since the beginning whose lines were told
        self._rings = 0
        self._late = 0
        self._latest = 0.0

    def number(self, phase: int) -> int:
        """How many periods have passed since the beginning, at that phase."""
        return (self._steps() - phase) // PHASES

    def left(self, phase: int) -> float:
        """Of the period that runs at that phase: how much of it, from 0 to 1."""
        passed = (asyncio.get_running_loop().time() - self._began) / self._period
        return self.number(phase) + 1 + phase / PHASES - passed

    def join(self, place: Place) -> None:
        """Tell this line of each period, at the phase that has the fewest."""
        place.phase = min(range(PHASES), key=lambda one: len(self._phases[one]))
        self._phases[place.phase][place] = None
        if self._timer is not None:
            self._timer.cancel()  # it may be the next one to be told
        else:
            self._began, self._rung = asyncio.get_running_loop().time(), 0
        self._arm()

    def move(self, place: Place) -> None:
        """To the phase whose period begins now."""
        self._phases[place.phase].pop(place, None)
        place.phase = self._steps() % PHASES
        self._phases[place.phase][place] = None

    def leave(self, place: Place) -> None:
        """Tell it no more."""
        self._phases[place.phase].pop(place, None)
        if self._timer is not None and not any(self._phases):
            self._timer.cancel()
            self._timer = None

    def statistics(self) -> Punctuality:
        """How time was kept so far."""
        return Punctuality(self._rings, self._late, self._latest)

    def _steps(self) -> int:
        """How many have passed since the beginning."""
        now = asyncio.get_running_loop().time()
        return int((now - self._began) / self._step + EPSILON)

    def _arm(self) -> None:
        """For the next phase at which there is a line."""
        following = range(self._rung + 1, self._rung + 1 + PHASES)
        step = next(one for one in following if self._phases[one % PHASES])
        when = self._began + step * self._step
        self._timer = asyncio.get_running_loop().call_at(when, self._ring, when)

    def _ring(self, due: float) -> None:
        lateness = asyncio.get_running_loop().time() - due
        self._rings += 1
        if lateness >= self._period:
            self._late += 1
            self._latest = max(self._latest, lateness)
        before, self._rung = self._rung, self._steps()
        for step in range(max(before, self._rung - PHASES) + 1, self._rung + 1):
            for place in list(self._phases[step % PHASES]):
                place.beat()
        if any(self._phases):
            self._arm()
        else:
            self._timer = None
