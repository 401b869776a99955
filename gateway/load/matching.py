"""Matching: what one piece of sound looked like on either side of the gateway, and how late it was.

Pure functions over notes. Positions on the two sides are compared as time within the sound, so that
the sides may have different rates; a resampler's few milliseconds are allowed for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audio.convert import whole
from audio.floats import to_float
from audio.format import pcm16
from gateway.load.clips import FRAME, PROBE_RATE
from gateway.load.notes import Answered, Heard, Place, Spoken, Turn

SLACK = 0.004  # seconds that filters may shift sound by
SURE = 0.5  # least likeness between a turn and its clip
SHORTEST = 0.3  # seconds of a turn that can be compared at all
PART = 1.0  # seconds compared at its beginning, and at its end
AHEAD = 0.2  # seconds by which a delta may be ahead of the ear: others wait on purpose

Wave = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Upward:
    """A turn, from the caller to the model. Times in seconds."""

    late: list[float]  # of each frame that was spoken after the gateway had passed on the first
    detection: float  # from the first voice in it to the first sound at the model
    lost: float
    expected: float


@dataclass(frozen=True, slots=True)
class Downward:
    """An answer, from the model to the caller. Times in seconds."""

    late: list[float]  # of the first sample of each delta
    lost: float
    expected: float


def upward(turn: Turn, spoken: Spoken, clip: Wave, first: int) -> Upward | None:
    """A turn held against the clip that it is of, at PROBE_RATE; nothing where they differ."""
    wave = to_float(whole(turn.audio, pcm16(turn.rate), pcm16(PROBE_RATE)))
    part = round(PART * PROBE_RATE)
    if len(wave) < SHORTEST * PROBE_RATE:
        return None
    begins = _shift(wave[:part], clip)
    if begins is None:
        return None
    places = turn.places
    times = [at for at, _ in places]
    ends = [samples / turn.rate for _, samples in places]
    late = []
    for number, sent in enumerate(spoken.sent):
        within = (number + 1) * FRAME - begins / PROBE_RATE - SLACK
        place = bisect_left(ends, within)
        if sent > times[0] and place < len(ends):
            late.append(max(0.0, times[place] - sent))
    ended = _shift(wave[-part:], clip)
    off = 0.0
    if ended is not None:
        off = (ended - (len(wave) - min(part, len(wave))) - begins) / PROBE_RATE
    lost = off if off > 2 * SLACK else 0.0
    detection = max(0.0, times[0] - spoken.sent[first])
    return Upward(late, detection, lost, len(wave) / PROBE_RATE)


def downward(answered: Answered, heard: Heard) -> Downward:
    """An answer held against what the caller heard of it."""
    late, before = [], 0.0
    began = answered.places[0][0] if answered.places else 0.0
    ends = [samples / heard.rate for _, samples in heard.places]
    for sent, samples in answered.places:
        place = bisect_left(ends, before + SLACK)
        if place == len(ends):
            break
        if before - (sent - began) <= AHEAD:
            late.append(max(0.0, heard.places[place][0] - sent))
        before = samples / answered.rate
    if heard.cut or not answered.whole:
        return Downward(late, 0.0, ends[-1])  # the rest was taken back, as it should be
    expected = answered.places[-1][1] / answered.rate
    lost = expected - ends[-1]
    # The ear stops listening a little before the end, which is no loss.
    return Downward(late, lost if lost > 0.05 * expected else 0.0, expected)


def arrival(places: Sequence[Place], samples: int) -> float:
    """When so many samples were there; never is infinite."""
    place = bisect_left([count for _, count in places], samples)
    return places[place][0] if place < len(places) else float("inf")


def _shift(part: Wave, clip: Wave) -> int | None:
    """Where in the clip this part of it begins, in samples; before its beginning is negative."""
    size = 1 << (len(part) + len(clip) - 1).bit_length()
    product = np.fft.rfft(clip, size) * np.conj(np.fft.rfft(part, size))
    likeness = np.fft.irfft(product, size)
    best = int(np.argmax(likeness))
    shift = best if best < len(clip) else best - size
    begin, end = max(0, shift), min(len(clip), shift + len(part))
    if end <= begin:
        return None
    same = clip[begin:end]
    energy = float(np.sqrt((same**2).sum() * (part**2).sum()))
    return shift if energy and float(likeness[best]) / energy >= SURE else None
