"""Changing the sample rate: a stream that hardly waits, and whole files at the best quality.

The stream is a windowed-sinc polyphase filter, centred on half the lower rate. What lies under
nine tenths of that passes; what lies above eleven tenths, and every image of what passes, is more
than 60 dB down. The filter reaches 23 samples of the lower rate to either side, so it holds back
2.9 ms where that rate is 8 kHz and less where it is higher.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from audio.pcm import AudioError, samples

_REACH = 23  # of the filter to either side, in samples of the lower rate
_BETA = 7.2  # of the Kaiser window: 73 dB
_ONE = 2**30  # what a coefficient of 1 is stored as
_LARGEST = 4_000_000  # coefficients; every pair of customary rates needs fewer
_LONGEST = 0.1  # seconds converted at once, so that a huge piece stays in the cache

_Floats = npt.NDArray[np.float64]


class Resampler:
    """Converts a stream of PCM16 from one rate to another, piece by piece.

    What comes out does not depend on how the stream was cut: coefficients are whole numbers, and
    sums of them times samples are exact in double precision, in whatever order they are added.
    """

    def __init__(self, source_hz: int, target_hz: int) -> None:
        self.source_hz, self.target_hz = _rate(source_hz), _rate(target_hz)
        common = math.gcd(source_hz, target_hz)
        self._up, self._down = target_hz // common, source_hz // common
        self._reach = _reach(self._up, self._down)
        self._bank = None if source_hz == target_hz else _bank(self._up, self._down)
        self._stride = _together(self._up, self._down) * self._down  # inputs from block to block
        self._restart()

    @property
    def delay(self) -> float:
        """Seconds that the output lags behind the input."""
        return 0.0 if self._bank is None else self._reach / self.source_hz

    def push(self, pcm: bytes) -> bytes:
        """Take the next piece; give all that can be known of the output by now."""
        count = samples(pcm)
        if self._bank is None:
            return pcm
        step = max(1, int(self.source_hz * _LONGEST))
        wave = np.frombuffer(pcm, "<i2")
        if count <= step:
            return self._take(wave, self._bank)
        return b"".join(
            self._take(wave[at : at + step], self._bank) for at in range(0, count, step)
        )

    def flush(self) -> bytes:
        """Give the rest, as if silence followed, and be ready for another stream."""
        if self._bank is None:
            return b""
        whole = -(-self._taken * self._up // self._down) - self._given
        rest = self._take(np.zeros(self._reach, "<i2"), self._bank)
        self._restart()
        return rest[: whole * 2]

    def _restart(self) -> None:
        self._taken = 0  # input samples
        self._given = 0  # output samples
        self._start = 1 - self._reach  # input position of the first sample kept; silence before 0
        self._kept: _Floats = np.zeros(self._reach - 1)

    def _take(self, wave: npt.NDArray[np.int16], bank: _Floats) -> bytes:
        """Filter all outputs that have `reach` inputs after their place."""
        self._kept = np.concatenate((self._kept, wave))
        self._taken += wave.size
        known = -(-(self._taken - self._reach) * self._up // self._down)
        if known <= self._given:
            return b""
        cycle = self._given // self._up  # the filter starts at whole cycles only
        skip = self._given - cycle * self._up
        begin = cycle * self._down + 1 - self._reach - self._start
        out = _filter(self._kept[begin:], skip + known - self._given, self._stride, bank)
        self._given = known
        self._forget()
        return _pcm(out[skip : known - cycle * self._up])

    def _forget(self) -> None:
        needed = self._given // self._up * self._down + 1 - self._reach
        self._kept = self._kept[needed - self._start :]
        self._start = needed


def convert(pcm: bytes, source_hz: int, target_hz: int) -> bytes:
    """A whole recording at another rate, at the best quality; for files, not for streams."""
    source_hz, target_hz = _rate(source_hz), _rate(target_hz)
    if not samples(pcm) or source_hz == target_hz:
        return pcm
    import soxr  # which streams do without, and so do gateways

    wave = np.frombuffer(pcm, "<i2")
    return bytes(soxr.resample(wave, source_hz, target_hz, quality="VHQ").astype("<i2").tobytes())


def _rate(hz: int) -> int:
    if not isinstance(hz, int) or not 1_000 <= hz <= 768_000:
        raise AudioError(
            f"a sample rate is a whole number of Hz from 1000 to 768000, not {hz!r}; "
            "customary ones are 8000, 16000, 24000, 44100 and 48000"
        )
    return hz


def _reach(up: int, down: int) -> int:
    """How far the filter reaches, in input samples."""
    return math.ceil(_REACH * max(1.0, down / up))


def _filter(kept: _Floats, outputs: int, stride: int, bank: _Floats) -> _Floats:
    """At least so many outputs, the first of which reaches back to kept[0]."""
    width, block = bank.shape
    rows = -(-outputs // block)
    missing = (rows - 1) * stride + width - kept.size
    if missing > 0:  # only under outputs of the last block that nobody asked for
        kept = np.concatenate((kept, np.zeros(missing)))
    item = kept.itemsize
    windows = np.ndarray((rows, width), kept.dtype, kept, 0, (stride * item, item))
    filtered: _Floats = np.ascontiguousarray(windows) @ bank
    return filtered.ravel()


def _pcm(out: _Floats) -> bytes:
    out *= 1.0 / _ONE
    np.rint(out, out=out)
    np.maximum(out, -32768.0, out=out)
    np.minimum(out, 32767.0, out=out)
    return out.astype("<i2").tobytes()


def _together(up: int, down: int) -> int:
    """How many cycles to filter in one row: enough that little of a row overlaps the next."""
    return max(1, _reach(up, down) // (2 * down))


@lru_cache(maxsize=64)
def _bank(up: int, down: int) -> _Floats:
    """The filter as a matrix: from the inputs around a block of cycles to its outputs."""
    reach = _reach(up, down)
    block = up * _together(up, down)
    width = (block - 1) * down // up + 2 * reach
    if width * block > _LARGEST:
        raise AudioError(
            f"rates in the ratio {up}:{down} share no usable factor, so a stream would need "
            f"{width * block} coefficients; use a customary rate, or convert the whole recording"
        )
    scale = min(1.0, up / down)
    inputs = np.arange(width)[:, None] + 1 - reach
    away = (np.arange(block) * down / up - inputs) * scale  # in samples of the lower rate
    inside = np.clip(1.0 - (away / _REACH) ** 2, 0.0, None)
    taps = np.sinc(away) * np.i0(_BETA * np.sqrt(inside)) * (np.abs(away) < _REACH)
    whole: _Floats = np.rint(taps / taps.sum(axis=0) * _ONE)
    peak = np.abs(away).argmin(axis=0)
    whole[peak, np.arange(block)] += _ONE - whole.sum(axis=0)  # a constant stays what it was
    whole.setflags(write=False)
    return whole
