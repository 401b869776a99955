"""Ear: finds answers in the sound that reaches a caller, and when each of their samples came."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from audio.convert import decode
from audio.floats import to_float
from audio.format import Format
from gateway.load import signature
from gateway.load.notes import Heard

LOUD = 0.03  # of full scale: an answer of the scripted model is never below it for long
NAMED = signature.SECONDS + 0.02  # seconds of an answer after which its name can be read
PAUSE = 0.1  # seconds of quiet sound after which an answer was cut
STALL = 2.0  # seconds without any sound after which an answer of known length is over
GAP = 0.5  # the same where nobody knows how long it is to be
WHOLE = 0.98  # of an answer's length
TAIL = 0.1  # seconds in which the rest of it comes


class Ear:
    """One caller's. `expected`: how long answers are, in seconds; 0: unknown."""

    def __init__(
        self, call: int, form: Format, expected: float, tell: Callable[[Heard], None]
    ) -> None:
        self._call, self._form, self._tell = call, form, tell
        self._expected = round(expected * form.rate)
        self._answer: Heard | None = None
        self._samples = 0  # of the answer, with what is quiet in it
        self._quiet = 0
        self._opening: list[bytes] = []
        self._ends = 0.0  # when the caller has heard all that has come
        self._deaf = 0.0  # until when what comes is the end of what was heard
        self.since = 0.0  # when the answer's first sound came; 0 while there is none
        self.asked = 0.0  # when the last question ended, if it was not answered yet

    def sound(self, now: float, audio: bytes) -> None:
        """A piece came, in the caller's format."""
        wave = np.abs(to_float(decode(audio, self._form.encoding)))
        loud = np.flatnonzero(wave > LOUD)
        if self._answer is None:
            if not len(loud) or now < self._deaf:
                return
            first = int(loud[0])
            self._begin(now)
            audio = audio[first * self._form.width :]
            self._ends = now
        count = self._form.samples(audio)
        self._ends = max(self._ends, now) + count / self._form.rate
        if not len(loud):
            self._quiet += count
            if self._quiet >= PAUSE * self._form.rate:
                self._end(self._last() if self._is_short() else 0.0)
            return
        self._add(now, audio, count)

    def interrupted(self, now: float) -> None:
        """The caller begins to speak over the answer."""
        if self._answer is not None:
            self._answer.interrupted = now

    def cleared(self, now: float) -> None:
        """The gateway took back what was not heard yet."""
        self._end(now)

    def tick(self, now: float) -> None:
        """Time passes."""
        if self._answer is not None and now > self._ends + (STALL if self._expected else GAP):
            self._end(0.0)

    @property
    def listening(self) -> bool:
        """Whether the assistant is heard."""
        return self._answer is not None

    def is_over(self, now: float) -> bool:
        """Whether what has come was also heard to its end."""
        return self._answer is None and now >= self._ends

    def _begin(self, now: float) -> None:
        self._answer = Heard(self._call, -1, -1, self._form.rate, [], self.asked)
        self._samples, self._quiet, self._opening, self.asked = 0, 0, [], 0.0
        self.since = now

    def _add(self, now: float, audio: bytes, count: int) -> None:
        answer = self._answer
        assert answer is not None
        self._samples += self._quiet + count
        self._quiet = 0
        answer.places.append((now, self._samples))
        if answer.session < 0 and self._opening is not None:
            self._opening.append(audio)
            if self._samples >= NAMED * self._form.rate:
                self._name(answer)
        if self._expected and self._samples >= WHOLE * self._expected:
            self._deaf = max(now, self._ends) + TAIL
            self._end(0.0)

    def _name(self, answer: Heard) -> None:
        heard = to_float(decode(b"".join(self._opening), self._form.encoding))
        if (found := signature.read(heard, self._form.rate)) is not None:
            answer.session, answer.answer = found
        else:
            answer.session = -2  # looked at, and not known
        self._opening = []

    def _is_short(self) -> bool:
        return self._samples < WHOLE * self._expected

    def _last(self) -> float:
        assert self._answer is not None
        return self._answer.places[-1][0]

    def _end(self, cut: float) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        answer.cut, self.since = cut, 0.0
        if cut:
            self._ends = cut
        self._tell(answer)
