"""Decimator: a stream at a half, a third, a sixth of its rate, for ears that only judge it.

A short filter keeps what lies above the lower band 40 dB down, but for its upper tenth; it is
quick, and made for blocks of 20 ms. What is to be listened to goes through `Resampler`.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from audio.pcm import BYTES, AudioError, peak, samples

_REACH: Final = 8  # of the filter to either side, in samples of the lower rate
_BETA: Final = 4.0  # of the Kaiser window
_ROW: Final = 8  # outputs that are filtered together: as many as a vector of the processor holds
_TAME: Final = 16_384  # the filter makes no sample overflow where none is louder than this

_Floats = npt.NDArray[np.float32]
_SAMPLE: Final = np.dtype("<i2")


class Decimator:
    """Gives one sample for each `factor` that it takes, at once and in blocks as they come."""

    def __init__(self, factor: int) -> None:
        self._bank = _bank(factor)
        self._row = _ROW * factor
        self._kept = bytes((self._bank.shape[0] - self._row) * BYTES)

    def push(self, pcm: bytes) -> bytes:
        """The next block, of a multiple of 8 samples of the lower rate. Raises AudioError."""
        count, row = samples(pcm), self._row
        if count % row:
            raise AudioError(f"a block has a multiple of {row} samples, and {count} came")
        wave = self._kept + pcm
        self._kept = wave[len(pcm) :]
        # Rows that overlap, as one array: each is what its outputs are made of.
        shape = (count // row, self._bank.shape[0])
        rows = np.ndarray(shape, _SAMPLE, wave, 0, (row * BYTES, BYTES))
        out: _Floats = rows.astype(np.float32).dot(self._bank)
        if peak(wave) > _TAME:
            np.maximum(out, -32768.0, out=out)
            np.minimum(out, 32767.0, out=out)
        return out.astype(_SAMPLE).tobytes()


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
