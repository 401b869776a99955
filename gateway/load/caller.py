"""Caller: what one caller of a load test does: speaks, listens, thinks, now and then cuts in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import msgspec

from audio.format import Format
from gateway.load.clips import FRAME, Clip
from gateway.load.ear import Ear
from gateway.load.notes import Missed, Note, Spoken


class Behaviour(msgspec.Struct, frozen=True):
    """How callers behave. Times in seconds."""

    think: float = 1.0  # from the end of an answer to the next word
    barge_in: float = 0.25  # share of the answers that are interrupted
    barge_after: float = 0.8  # how much of such an answer is heard first
    patience: float = 10.0  # for an answer, before the caller speaks again
    answer: float = 2.0  # how long answers are; 0: nobody knows


class Caller:
    """One caller. It is asked for a frame every 20 ms, and told what it hears."""

    def __init__(
        self,
        number: int,
        form: Format,
        clips: Sequence[Clip],
        behaviour: Behaviour,
        tell: Callable[[Note], None],
    ) -> None:
        self.number, self.form, self._clips, self._is = number, form, clips, behaviour
        self._tell = tell
        self._chance = Random(number)  # the same for the same caller, always
        self.ear = Ear(number, form, behaviour.answer, tell)
        self._silence = form.silence(round(form.rate * FRAME))
        self._begins = 0.0  # when to speak next; 0: when the answer is over
        self._waits = 0.0  # until when an answer is waited for; 0: for none
        self._cuts_in = False
        self._clip: Clip | None = None
        self._spoken: Spoken | None = None

    def answered(self, now: float) -> None:
        """The gateway took the call."""
        # Not all at once: callers who began together would go on speaking together.
        self._begins = now + self._chance.uniform(0.1, 0.5 + self._is.think)

    def frame(self, now: float) -> bytes:
        """The next 20 ms of this caller's sound; they are written at once."""
        self.ear.tick(now)
        if self._clip is None and self._is_due(now):
            self._speak()
        clip, spoken = self._clip, self._spoken
        if clip is None or spoken is None:
            return self._silence
        at = len(spoken.sent)
        spoken.sent.append(now)
        if at == clip.first and spoken.barge_in:
            self.ear.interrupted(now)
        if at == clip.last:
            self.ear.asked, self._waits = now, now + self._is.patience
        if at + 1 == len(clip.frames):
            self._tell(spoken)
            self._clip = self._spoken = None
            self._begins = 0.0
        return clip.frames[at]

    def _is_due(self, now: float) -> bool:
        ear = self.ear
        if ear.listening:
            self._waits, self._begins = 0.0, 0.0
            return self._cuts_in and now - ear.since >= self._is.barge_after
        if self._waits:  # for an answer
            if now < self._waits:
                return False
            self._tell(Missed(self.number, ear.asked))
            self._waits = ear.asked = 0.0
            return True
        if not self._begins and ear.is_over(now):
            self._begins = now + self._is.think * self._chance.uniform(0.5, 1.5)
        return bool(self._begins) and now >= self._begins

    def _speak(self) -> None:
        number = self._chance.randrange(len(self._clips))
        self._clip = self._clips[number]
        self._spoken = Spoken(self.number, number, [], self.ear.listening)
        self._cuts_in = self._chance.random() < self._is.barge_in
