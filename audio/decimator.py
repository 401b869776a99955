"""Decimator: a stream at a half, a third, a sixth of its rate, for ears that only judge it.

A short filter keeps what lies above the lower band 40 dB down, but for its upper tenth; it is
quick, and made for blocks of 20 ms. What is to be listened to goes through `Resampler`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from audio.pcm import AudioError, samples

_REACH = 8  # of the filter to either side, in samples of the lower rate
_BETA = 4.0  # of the Kaiser window
_ROW = 20  # outputs that are filtered together

_Floats = npt.NDArray[np.float32]


class Decimator:
    """Gives one sample for each `factor` that it takes, at once and in blocks as they come."""

    def __init__(self, factor: int) -> None:
        self._factor = factor
        self._bank = _bank(factor)
        self._kept: _Floats = np.zeros(2 * _REACH * factor - factor, np.float32)

    def push(self, pcm: bytes) -> bytes:
        """The next block, of a multiple of 20 samples of the lower rate. Raises AudioError."""
        row = _ROW * self._factor
        count = samples(pcm)
        if count % row:
            raise AudioError(f"a block has a multiple of {row} samples, and {count} came")
        wave = np.concatenate((self._kept, np.frombuffer(pcm, "<i2")), dtype=np.float32)
        self._kept = wave[count:]
        # Rows that overlap, as one array: each is what its outputs are made of.
        shape, item = (count // row, self._bank.shape[0]), wave.itemsize
        rows = np.ndarray(shape, np.float32, wave, 0, (row * item, item))
        out: _Floats = np.ascontiguousarray(rows) @ self._bank
        np.maximum(out, -32768.0, out=out)
        np.minimum(out, 32767.0, out=out)
        return out.astype("<i2").tobytes()


@cache
def _bank(factor: int) -> _Floats:
    """The filter as a matrix: from the inputs around a row of outputs to these."""
    taps = 2 * _REACH * factor
    away = (np.arange(taps) - (taps - 1) / 2) / factor
    wave = np.sinc(away) * np.kaiser(taps, _BETA)
    bank = np.zeros(((_ROW - 1) * factor + taps, _ROW), np.float32)
    for output in range(_ROW):
        bank[output * factor : output * factor + taps, output] = wave / wave.sum()
    bank.setflags(write=False)
    return bank
