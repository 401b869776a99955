"""Turns: decides from voiced frames whose turn it is, and lets only speech through to the model.

Three ways, by the plan's detector. `gateway`: turns end here, by silence, and are committed by
hand; of the silence after speech only a short tail is sent. `server` and `semantic`: the model
detects turns, so after speech it gets as much silence as it needs to hear the end, even when the
line goes dead, and a map leads from the audio it was written back to call time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from itertools import chain
from typing import Final

from gateway.call.effects import ClearInput, Commit, SendAudio
from gateway.call.plan import FRAME_US, Plan, TurnPolicy
from gateway.call.preroll import Piece, PreRoll
from gateway.call.written import WrittenMap

ONSET_US = 60_000  # voiced sound that opens the gate
TAIL_US = 200_000  # silence after speech that is sent: the end of a word lies in it
LULL = 20  # frames that are taken at once at most, where it makes no difference
STALLED_US = 200_000  # frames that are this late are not coming: the caller is muted
SEMANTIC_PADDING_US = 300_000  # of earlier audio that semantic detection counts to a turn
SEMANTIC_LIMIT_US = {"low": 8_000_000, "medium": 4_000_000, "auto": 4_000_000, "high": 2_000_000}


class Sign(Enum):
    """What the caller does, where it matters to the call."""

    BEGAN = "began"  # the gate has opened
    INTERRUPTED = "interrupted"  # it has been speech for long enough to stop the assistant
    ENDED = "ended"  # a turn is complete
    DISCARDED = "discarded"  # it was too short to be one


def patience(policy: TurnPolicy) -> int:
    """Silence after which the gate shuts, unless the model still hears speech."""
    if policy.detector == "gateway":
        return policy.hang_over
    if policy.detector == "server":
        return policy.silence + policy.margin
    return SEMANTIC_LIMIT_US[policy.eagerness] + policy.margin


Outcome = SendAudio | Commit | ClearInput | Sign
NOTHING: Final[tuple[()]] = ()


class Turns:
    """One call's gate. Feed it every frame; it says what to send and what it means."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._policy = plan.turns
        self._patience = patience(plan.turns)
        self._width = plan.format.width
        self._size = plan.samples(FRAME_US) * self._width  # bytes of a frame
        self._pre_roll = self._lead_in(plan.turns)
        self._held: list[Piece] = []  # silence within speech, sent if the speech goes on
        self._onset = 0  # voiced sound lately, while the gate is shut
        self._voiced = 0  # voiced sound since the gate opened
        self._quiet = 0  # silence since the last voiced frame, counted in audio, not by the clock
        self._length = 0  # of the turn so far
        self._interrupted = False
        self._frame_end = 0  # call time at which the latest frame ended
        self._model_hears = False  # the model's detector is within speech
        self.sent: Sequence[Piece] = ()  # what the last order to send is made of
        self.last_voiced_at = 0  # call time at which the caller was last heard to speak
        self.open = False
        self.began_at = 0
        self.written = WrittenMap(plan)

    # ------------------------------------------------------------ frames

    def frame(self, pcm: bytes, voiced: bool, now: int) -> Iterable[Outcome]:
        """Take 20 ms of the caller, or as many frames as `lull` and `flow` say, or fewer."""
        if len(pcm) <= self._size:
            return self._frame(pcm, voiced, now, FRAME_US)
        frames, rest = divmod(len(pcm), self._size)
        if rest or not self._at_once(frames, voiced=voiced):
            return self._frames(pcm, voiced, now)
        return self._frame(pcm, voiced, now, frames * FRAME_US)

    def _at_once(self, frames: int, *, voiced: bool) -> bool:
        return (not voiced and frames <= self.lull) or frames <= self.flow(voiced=voiced)

    def _frames(self, pcm: bytes, voiced: bool, now: int) -> Iterator[Outcome]:
        size, before, length = self._size, self._frame_end, len(pcm)
        for at in range(0, length, size):
            later = max(0, length - at - size) // size  # frames
            ended = max(before, now - later * FRAME_US)
            yield from self._frame(pcm[at : at + size], voiced, ended, FRAME_US)

    @property
    def lull(self) -> int:
        """Frames of silence that may come at once: none of them is sent or decides anything."""
        policy = self._policy
        if not self.open:
            return 1 if policy.detector == "manual" else LULL
        if policy.detector != "gateway" or self._quiet < TAIL_US:
            return 1
        rest = min(policy.hang_over - self._quiet, policy.longest - self._length)
        return max(1, min(LULL, rest // FRAME_US - 1))

    def flow(self, *, voiced: bool) -> int:
        """Frames of such sound that may come at once: each of them is sent and decides nothing."""
        policy, quiet = self._policy, self._quiet
        if not (self.open and self._interrupted and policy.interruptible) or self._held:
            return 1
        rest = min(LULL, self._absent // FRAME_US - 1)
        if policy.detector == "gateway":
            rest = min(rest, (policy.longest - self._length) // FRAME_US - 1)
            if not voiced:
                sent = min(TAIL_US, policy.hang_over - FRAME_US)
                rest = min(rest, (sent - quiet) // FRAME_US)
        elif not voiced:
            rest = min(rest, (self._patience - quiet) // FRAME_US - 1)
        return max(1, rest)

    def _frame(self, pcm: bytes, voiced: bool, now: int, length: int) -> Iterable[Outcome]:
        if now - length + FRAME_US - self._frame_end > STALLED_US and not self.open:
            self._forget()
        self._frame_end = now
        if self._policy.detector == "manual":
            return (self._by_hand(pcm),)
        if not self.open:
            return self._in_quiet(pcm, voiced, length)
        self._length += length
        if voiced:
            self._voiced += length
            return self._in_speech(pcm)
        self._quiet += length
        return self._in_pause(pcm)

    def _forget(self) -> None:
        """The line was dead: what came before is no part of what comes now."""
        self._pre_roll.clear()
        self._onset = 0

    def _by_hand(self, pcm: bytes) -> SendAudio:
        if not self._length:
            self.began_at = max(0, self._frame_end - FRAME_US)
        self._length += FRAME_US
        self.last_voiced_at = self._frame_end
        return self._send((pcm, self._frame_end))

    def _in_quiet(self, pcm: bytes, voiced: bool, length: int) -> Iterable[Outcome]:
        self._pre_roll.add((pcm, self._frame_end))
        self._onset = self._onset + length if voiced else max(0, self._onset - length)
        return self._begin() if self._onset >= ONSET_US else NOTHING

    def _begin(self) -> Iterator[Outcome]:
        self.open, self._interrupted = True, False
        self._voiced, self._length, self._quiet = self._onset, self._onset, 0
        self.began_at = max(0, self._frame_end - self._onset)
        self.last_voiced_at = self._frame_end
        self._onset = 0
        yield self._send(*self._pre_roll.take())
        yield Sign.BEGAN
        yield from self._interruption()

    def _in_speech(self, pcm: bytes) -> Iterable[Outcome]:
        self._quiet = 0
        self.last_voiced_at = self._frame_end
        if self._interrupted and not self._held and not self._is_over():
            return (self._send((pcm, self._frame_end)),)
        return self._in_turning(pcm)

    def _in_turning(self, pcm: bytes) -> Iterator[Outcome]:
        """Speech on which something else comes than that it is sent."""
        yield self._send(*self._held, (pcm, self._frame_end))
        self._held.clear()
        if not self._interrupted:
            yield from self._interruption()
        if self._is_over():
            yield from self._end()

    def _in_pause(self, pcm: bytes) -> Iterable[Outcome]:
        sent: Iterable[Outcome] = NOTHING
        if self._policy.detector == "gateway" and self._quiet > TAIL_US:
            self._held.append((pcm, self._frame_end))
        elif self._quiet > self._patience:
            # The model takes the noise of the room for speech: nothing ends that but silence.
            sent = (self._send((self._plan.silence(self._plan.count(pcm)), self._frame_end)),)
        else:
            sent = (self._send((pcm, self._frame_end)),)
        return chain(sent, self._end()) if self._is_over() else sent

    def _is_over(self) -> bool:
        if self._policy.detector == "gateway" and self._length >= self._policy.longest:
            return True
        return self._quiet >= self._patience * (2 if self._model_hears else 1)

    def _interruption(self) -> Iterator[Sign]:
        if not self._interrupted and self._voiced >= self._policy.barge_in:
            self._interrupted = True
            yield Sign.INTERRUPTED

    def _end(self) -> Iterator[Outcome]:
        self.open = self._model_hears = False
        for piece in self._held:  # what was not sent comes before the next speech
            self._pre_roll.add(piece)
        self._held.clear()
        if self._policy.detector != "gateway":
            return
        if self._voiced >= self._policy.minimum_speech:
            yield Commit()
            yield Sign.ENDED
        else:
            yield ClearInput()
            yield Sign.DISCARDED

    # ------------------------------------------------------------ what the caller says of it

    @property
    def anything(self) -> bool:
        """Whether the model has heard something that is no turn yet, or may have."""
        manual = self._policy.detector == "manual"
        return self._length > 0 if manual else self.open or self._policy.by_model

    def commit(self) -> Iterator[Outcome]:
        """The turn is over, because the caller says so."""
        self._shut()
        yield Commit()

    def clear(self) -> Iterator[Outcome]:
        """What was said since the last turn is to be forgotten."""
        self._shut()
        self._pre_roll.clear()
        yield ClearInput()

    def follow(self, plan: Plan) -> Iterator[Outcome]:
        """Go on by another policy; a turn that is under way under the old one is no turn."""
        if self.anything and plan.turns.detector != self._policy.detector:
            yield from self.clear()
        self._plan, self._policy, self._patience = plan, plan.turns, patience(plan.turns)
        pieces, self._pre_roll = self._pre_roll.take(), self._lead_in(plan.turns)
        for piece in pieces:
            self._pre_roll.add(piece)

    def _lead_in(self, policy: TurnPolicy) -> PreRoll:
        """Room for what is sent when the gate opens; what opens it lies in it, too."""
        return PreRoll((policy.pre_roll + ONSET_US) // FRAME_US * self._size)

    def _shut(self) -> None:
        self.open = self._model_hears = False
        self._length = self._onset = 0
        self._held.clear()

    # ------------------------------------------------------------ what else shapes a turn

    def digit(self) -> None:
        """A key was pressed: the gap that its tone leaves in the speech is not the end of it."""
        self._quiet = 0

    def model_heard_start(self, written: int) -> int:
        """The model has detected speech, padding included; returns when the speech began."""
        self._model_hears = True
        if not written:
            return self.began_at  # there was not so much before it
        server = self._policy.detector == "server"
        padding = self._policy.pre_roll if server else SEMANTIC_PADDING_US
        return self._spoken_at(written + self._plan.samples(padding))

    def model_heard_end(self, written: int) -> int:
        """The model has detected the end: it needs no more silence; returns when speech ended."""
        self.open = self._model_hears = False
        if self._policy.detector == "server":  # it counts the silence that it waited for
            waited = self._plan.samples(self._policy.silence)
            return self._spoken_at(max(0, written - waited))
        return min(self._spoken_at(written), self.last_voiced_at)

    def _spoken_at(self, written: int) -> int:
        """When that was said; a model that counts more than there was means the latest."""
        return min(self.written.call_time(written), self._frame_end)

    def model_lost(self) -> None:
        """Nobody listens any more."""
        self.open = self._model_hears = False
        self._held.clear()

    def tick(self, now: int) -> Iterator[Outcome]:
        """Frames stopped in the middle of speech (the caller muted): take it as silence."""
        if not self.stalled(now):
            return
        if self._policy.detector == "gateway":
            yield from self._end()
            return
        missing, self._frame_end = now - self._frame_end, now
        self._quiet += missing
        yield self._send((self._plan.silence(self._plan.samples(missing)), now))
        if self._is_over():
            yield from self._end()

    def stalled(self, now: int) -> bool:
        """Whether frames have not come for so long that it makes a difference."""
        deadline = self.deadline
        return deadline is not None and now >= deadline

    @property
    def deadline(self) -> int | None:
        """When frames that do not come make a difference."""
        return self._frame_end + self._absent if self.open else None

    @property
    def _absent(self) -> int:
        """For so long frames may fail to come while the gate is open."""
        rest = self._policy.hang_over - self._quiet if self._policy.detector == "gateway" else 0
        return max(STALLED_US, rest)

    def _send(self, *pieces: Piece) -> SendAudio:
        """One order for all of that; when each piece was spoken stays known."""
        self.sent = pieces
        for pcm, spoken_until in pieces:
            self.written.add(len(pcm) // self._width, spoken_until)
        return SendAudio(b"".join([pcm for pcm, _ in pieces]))
