"""Test tones, telephone keys, noise: the same bytes for the same arguments, always."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from audio.pcm import AudioError, from_float

_ROWS = (697.0, 770.0, 852.0, 941.0)  # Hz, ITU-T Q.23
_COLUMNS = (1209.0, 1336.0, 1477.0, 1633.0)
_KEYS = "123A456B789C*0#D"


def sine(hz: float, seconds: float, rate: int, dbfs: float = -12.0) -> bytes:
    """A tone; `dbfs` is its peak."""
    return from_float(_amplitude(dbfs) * np.sin(2 * np.pi * hz * _times(seconds, rate)))


def dtmf(digit: str, seconds: float, rate: int, dbfs: float = -12.0) -> bytes:
    """A key of the telephone: 0-9 * # A-D; `dbfs` is the peak of each of its two tones."""
    if len(digit) != 1 or digit.upper() not in _KEYS:
        raise AudioError(f"a telephone has the keys 0-9 * # A-D, but {digit!r} came")
    row, column = divmod(_KEYS.index(digit.upper()), 4)
    turns = 2 * np.pi * _times(seconds, rate)
    both = np.sin(_ROWS[row] * turns) + np.sin(_COLUMNS[column] * turns)
    return from_float(_amplitude(dbfs) * both)


def chime(notes: Iterable[float], seconds: float, rate: int, dbfs: float = -24.0) -> bytes:
    """Soft notes in Hz one after another, each so long, which swell and fade without a click."""
    times = _times(seconds, rate)
    swell = np.sin(np.pi * times / seconds)
    waves = [swell * np.sin(2 * np.pi * hz * times) for hz in notes]
    return from_float(_amplitude(dbfs) * np.concatenate(waves))


def white_noise(seconds: float, rate: int, dbfs: float = -30.0, seed: int = 0) -> bytes:
    """Gaussian noise; `dbfs` is its mean level."""
    noise = np.random.default_rng(seed).standard_normal(round(seconds * rate))
    return from_float(_amplitude(dbfs) * noise)


def sweep(from_hz: float, to_hz: float, seconds: float, rate: int, dbfs: float = -12.0) -> bytes:
    """A tone that climbs (or falls) by equal ratios in equal times."""
    if from_hz <= 0 or to_hz <= 0:
        raise AudioError(f"a sweep runs between two positive pitches, not {from_hz} and {to_hz} Hz")
    times = _times(seconds, rate)
    climb = np.log(to_hz / from_hz) / seconds if seconds else 0.0
    turns = from_hz * times if climb == 0 else from_hz * np.expm1(climb * times) / climb
    return from_float(_amplitude(dbfs) * np.sin(2 * np.pi * turns))


class ComfortNoise:
    """Endless soft noise with the slope of a quiet room, so that a line does not seem dead."""

    def __init__(self, rate: int, dbfs: float = -65.0, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        # Shaped as a ring, so that it goes on without a seam; long enough that no ear finds its
        # beginning again.
        spectrum = np.fft.rfft(random.standard_normal(rate * 4))
        pitch = np.fft.rfftfreq(rate * 4, 1 / rate)
        spectrum *= (pitch > 80) / np.sqrt(1 + (pitch / 500) ** 2)
        wave = np.fft.irfft(spectrum)
        shaped = wave * (_amplitude(dbfs) / np.sqrt(np.mean(wave**2)))
        # A level of few steps needs dither, or rounding would turn noise into crackle.
        self._ring = from_float(shaped + (random.random(wave.size) - 0.5) / 32768)
        self._at = 0

    def frame(self, samples: int) -> bytes:
        """The next piece of it."""
        size = samples * 2
        out = self._ring[self._at : self._at + size]
        while len(out) < size:
            out += self._ring[: size - len(out)]
        self._at = (self._at + size) % len(self._ring)
        return out


def _times(seconds: float, rate: int) -> npt.NDArray[np.float64]:
    return np.arange(round(seconds * rate)) / rate


def _amplitude(dbfs: float) -> float:
    return float(10.0 ** (dbfs / 20.0))
