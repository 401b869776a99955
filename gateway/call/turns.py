"""Turns: decides from voiced frames whose turn it is, and lets only speech through to the model.

Three ways, by the plan's detector. `gateway`: turns end here, by silence, and are committed by
hand; of the silence after speech only a short tail is sent. `server` and `semantic`: the model
detects turns, so after speech it gets as much real silence as it needs to hear the end, and a map
leads from the audio it was written back to call time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from enum import Enum

from audio.pcm import BYTES, silence
from gateway.call.effects import ClearInput, Commit, SendAudio
from gateway.call.plan import FRAME_US, Plan

ONSET_US = 60_000  # voiced sound that opens the gate
TAIL_US = 200_000  # silence after speech that is sent: the end of a word lies in it
STALLED_US = 200_000  # frames that are this late are not coming: the caller is muted
SEMANTIC_LIMIT_US = {"low": 8_000_000, "medium": 4_000_000, "auto": 4_000_000, "high": 2_000_000}


class Sign(Enum):
    """What the caller does, where it matters to the call."""

    BEGAN = "began"  # the gate has opened
    INTERRUPTED = "interrupted"  # it has been speech for long enough to stop the assistant
    ENDED = "ended"  # a turn is complete
    DISCARDED = "discarded"  # it was too short to be one


Outcome = SendAudio | Commit | ClearInput | Sign


class Turns:
    """One call's gate. Feed it every frame; it says what to send and what it means."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._policy = plan.turns
        self._pre_roll: deque[bytes] = deque(maxlen=max(1, plan.turns.pre_roll // FRAME_US))
        self._held: list[bytes] = []  # silence within speech, sent if the speech goes on
        self._onset = 0  # voiced sound lately, while the gate is shut
        self._voiced = 0  # voiced sound since the gate opened
        self._quiet = 0  # silence since the last voiced frame, counted in audio, not by the clock
        self._length = 0  # of the turn so far
        self._interrupted = False
        self._frame_end = 0  # call time at which the latest frame ended
        self.open = False
        self.began_at = 0
        self.written = WrittenMap(plan)

    @property
    def last_voiced_at(self) -> int:
        """Call time at which the caller was last heard to speak."""
        return self._frame_end - self._quiet

    # ------------------------------------------------------------ frames

    def frame(self, pcm: bytes, voiced: bool, now: int) -> Iterator[Outcome]:
        """Take 20 ms of the caller."""
        self._frame_end = now
        if self.open:
            yield from self._in_speech(pcm, voiced)
        else:
            yield from self._in_quiet(pcm, voiced)

    def _in_quiet(self, pcm: bytes, voiced: bool) -> Iterator[Outcome]:
        self._pre_roll.append(pcm)
        self._onset = self._onset + FRAME_US if voiced else max(0, self._onset - FRAME_US)
        if self._onset < ONSET_US:
            return
        self.open, self._interrupted = True, False
        self._voiced, self._length, self._quiet = self._onset, self._onset, 0
        self.began_at = max(0, self._frame_end - self._onset)
        self._onset = 0
        yield from self._send_all(self._pre_roll, pcm_follows=False)
        self._pre_roll.clear()
        yield Sign.BEGAN
        yield from self._interruption()

    def _in_speech(self, pcm: bytes, voiced: bool) -> Iterator[Outcome]:
        self._length += FRAME_US
        self._quiet = 0 if voiced else self._quiet + FRAME_US
        if voiced:
            self._voiced += FRAME_US
            yield from self._send_all(self._held, pcm_follows=True)
            self._held.clear()
            yield self._send(pcm, self._frame_end)
            yield from self._interruption()
        elif self._policy.detector == "gateway" and self._quiet > TAIL_US:
            self._held.append(pcm)
        else:
            yield self._send(pcm, self._frame_end)
        if self._quiet >= self._patience() or self._length >= self._policy.longest:
            yield from self._end()

    def _interruption(self) -> Iterator[Sign]:
        if not self._interrupted and self._voiced >= self._policy.barge_in:
            self._interrupted = True
            yield Sign.INTERRUPTED

    def _patience(self) -> int:
        """Silence after which the gate shuts."""
        policy = self._policy
        if policy.detector == "gateway":
            return policy.hang_over
        if policy.detector == "server":
            return policy.silence + policy.margin
        return SEMANTIC_LIMIT_US[policy.eagerness] + policy.margin

    def _end(self) -> Iterator[Outcome]:
        self.open = False
        self._pre_roll.extend(self._held)  # what was not sent comes before the next speech
        self._held.clear()
        if self._policy.detector != "gateway":
            return
        if self._voiced >= self._policy.minimum_speech:
            yield Commit()
            yield Sign.ENDED
        else:
            yield ClearInput()
            yield Sign.DISCARDED

    # ------------------------------------------------------------ what else shapes a turn

    def digit(self) -> None:
        """A key was pressed: the gap that its tone leaves in the speech is not the end of it."""
        self._quiet = 0

    def model_heard_end(self) -> None:
        """The model has detected the end of speech: it needs no more silence."""
        self.open = False
        self._held.clear()

    def tick(self, now: int) -> Iterator[Outcome]:
        """Frames stopped in the middle of speech (the caller muted): take it as silence."""
        deadline = self.deadline
        if deadline is None or now < deadline:
            return
        if self._policy.detector != "gateway":
            rest = self._plan.samples(max(0, self._patience() - self._quiet))
            yield self._send(silence(rest), now)
        yield from self._end()

    @property
    def deadline(self) -> int | None:
        """When the turn ends even if no more frames come."""
        if not self.open:
            return None
        return self._frame_end + max(STALLED_US, self._patience() - self._quiet)

    def _send_all(self, frames: Collection[bytes], *, pcm_follows: bool) -> Iterator[SendAudio]:
        """Frames that ended just before the latest one, or with it."""
        behind = len(frames) - (0 if pcm_follows else 1)
        for index, earlier in enumerate(frames):
            yield self._send(earlier, self._frame_end - (behind - index) * FRAME_US)

    def _send(self, pcm: bytes, spoken_until: int) -> SendAudio:
        self.written.add(len(pcm) // BYTES, spoken_until)
        return SendAudio(pcm)


class WrittenMap:
    """From audio written to the model, in samples, to call time: the gaps are what was trimmed."""

    KEPT = 512

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._marks: deque[tuple[int, int]] = deque(maxlen=self.KEPT)  # (written, call time)
        self.total = 0

    def add(self, samples: int, spoken_until: int) -> None:
        """So many samples are written, the last of which was spoken at that time."""
        began = spoken_until - self._plan.microseconds(samples)
        if not self._marks or abs(self.call_time(self.total) - began) > FRAME_US:
            self._marks.append((self.total, began))
        self.total += samples

    def call_time(self, written: int) -> int:
        """When the sample at that place of the written audio was spoken."""
        for start, at in reversed(self._marks):
            if start <= written:
                return at + self._plan.microseconds(written - start)
        return self._marks[0][1] if self._marks else 0
