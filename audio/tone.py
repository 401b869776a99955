"""Test tones and telephone keys: the same bytes for the same arguments, always."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import expm1, gcd, log, pi, sin

from audio.pcm import BYTES, FULL_SCALE, AudioError

_ROWS = (697.0, 770.0, 852.0, 941.0)  # Hz, ITU-T Q.23
_COLUMNS = (1209.0, 1336.0, 1477.0, 1633.0)
_KEYS = "123A456B789C*0#D"


def sine(hz: float, seconds: float, rate: int, dbfs: float = -12.0) -> bytes:
    """A tone; `dbfs` is its peak."""
    pitch, samples = 2 * pi * hz, round(seconds * rate)
    # After so many samples it begins anew: only those are reckoned.
    cycle = rate // gcd(int(hz), rate) if hz == int(hz) else samples
    once = min(cycle, samples)
    wave = _pcm((sin(pitch * sample / rate) for sample in range(once)), dbfs)
    return (wave * -(-samples // once))[: samples * BYTES] if once else b""


@lru_cache(maxsize=32)
def dtmf(digit: str, seconds: float, rate: int, dbfs: float = -12.0) -> bytes:
    """A key of the telephone: 0-9 * # A-D; `dbfs` is the peak of each of its two tones."""
    if len(digit) != 1 or digit.upper() not in _KEYS:
        raise AudioError(f"a telephone has the keys 0-9 * # A-D, but {digit!r} came")
    row, column = divmod(_KEYS.index(digit.upper()), 4)
    low, high = 2 * pi * _ROWS[row], 2 * pi * _COLUMNS[column]
    return _pcm((sin(low * time) + sin(high * time) for time in _times(seconds, rate)), dbfs)


def chime(notes: Iterable[float], seconds: float, rate: int, dbfs: float = -24.0) -> bytes:
    """Soft notes in Hz one after another, each so long, which swell and fade without a click."""
    swell, pitches = pi / seconds, [2 * pi * hz for hz in notes]
    times = list(_times(seconds, rate))
    return _pcm((sin(swell * at) * sin(pitch * at) for pitch in pitches for at in times), dbfs)


def sweep(from_hz: float, to_hz: float, seconds: float, rate: int, dbfs: float = -12.0) -> bytes:
    """A tone that climbs (or falls) by equal ratios in equal times."""
    if from_hz <= 0 or to_hz <= 0:
        raise AudioError(f"a sweep runs between two positive pitches, not {from_hz} and {to_hz} Hz")
    climb = log(to_hz / from_hz) / seconds if seconds else 0.0
    if climb == 0:
        return sine(from_hz, seconds, rate, dbfs)
    pitch = 2 * pi * from_hz / climb
    waves = (sin(pitch * expm1(climb * time)) for time in _times(seconds, rate))
    return _pcm(waves, dbfs)


def _times(seconds: float, rate: int) -> Iterator[float]:
    return (sample / rate for sample in range(round(seconds * rate)))


def _pcm(wave: Iterable[float], dbfs: float) -> bytes:
    """What is between -1 and 1 as PCM16 with that peak; what is beyond full scale is clipped."""
    steps = FULL_SCALE * 10.0 ** (dbfs / 20.0)
    return array("h", (max(-32768, min(32767, round(steps * at))) for at in wave)).tobytes()
