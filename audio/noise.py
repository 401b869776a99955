"""Noise: the same bytes for the same arguments, always."""

from __future__ import annotations

import numpy as np

from audio.floats import from_float


def white_noise(seconds: float, rate: int, dbfs: float = -30.0, seed: int = 0) -> bytes:
    """Gaussian noise; `dbfs` is its mean level."""
    noise = np.random.default_rng(seed).standard_normal(round(seconds * rate))
    return from_float(_amplitude(dbfs) * noise)


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


def _amplitude(dbfs: float) -> float:
    return float(10.0 ** (dbfs / 20.0))
