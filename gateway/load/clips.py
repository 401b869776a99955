"""Clips: recorded speech, cut to the frames that a telephone sends, and where their voice is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio import wav
from audio.convert import encode
from audio.floats import to_float
from audio.format import Format
from audio.pcm import AudioError
from gateway.errors import TrunklineError

FRAME = 0.02  # seconds
LONGEST = 30.0
AROUND = 0.1  # seconds of quiet kept before and behind the voice
LOUD = 0.05  # of the clip's loudest frame: below it nobody speaks
PROBE_RATE = 8_000  # Hz at which turns are compared with their clip


@dataclass(frozen=True, slots=True)
class Clip:
    """One utterance. `first` and `last` are its frames with the first and the last voice."""

    name: str
    frames: tuple[bytes, ...]
    first: int
    last: int


class NoClipError(TrunklineError):
    """There is no speech to load a gateway with."""


def read(paths: Sequence[Path], form: Format) -> list[Clip]:
    """The utterances in that format. Raises NoClipError."""
    return [_clip(path, form) for path in paths]


def probe(paths: Sequence[Path]) -> list[np.ndarray[tuple[int], np.dtype[np.float32]]]:
    """The same utterances as waves at PROBE_RATE, cut where `read` cuts them."""
    return [to_float(_cut(path, PROBE_RATE)[0]) for path in paths]


def _clip(path: Path, form: Format) -> Clip:
    pcm, first, last = _cut(path, form.rate)
    sound = encode(pcm, form.encoding)
    size = round(form.rate * FRAME) * form.width
    frames = tuple(sound[at : at + size] for at in range(0, len(sound) - size + 1, size))
    return Clip(path.stem, frames, first, min(last, len(frames) - 1))


def _cut(path: Path, rate: int) -> tuple[bytes, int, int]:
    """PCM16 in whole frames with little quiet around the voice, and its first and last frame."""
    try:
        pcm = wav.read(path, rate=rate, longest=LONGEST)
    except AudioError as error:
        raise NoClipError(f"expected recorded speech: {error}") from error
    size = round(rate * FRAME)
    wave = to_float(pcm)
    wave = wave[: len(wave) // size * size].reshape(-1, size)
    if not len(wave):
        raise NoClipError(f"expected recorded speech, and {path} is shorter than {FRAME} s")
    levels = np.sqrt((wave**2).mean(axis=1))
    loud = np.flatnonzero(levels > LOUD * levels.max())
    if not len(loud):
        raise NoClipError(f"expected recorded speech, and {path} is silent")
    around = round(AROUND / FRAME)
    begin, end = max(0, int(loud[0]) - around), min(len(wave), int(loud[-1]) + 1 + around)
    at = size * 2
    return pcm[begin * at : end * at], int(loud[0]) - begin, int(loud[-1]) - begin
