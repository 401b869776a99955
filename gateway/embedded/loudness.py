"""Tells speech from quiet by loudness alone, between the quietest and the loudest heard so far."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

FRAME_MS: Final = 20

_NEVER: Final = -55.0  # dBFS; below this nothing is speech
_SHARE: Final = 0.35  # of the way up from the floor to the peak
_CLEAR: Final = 10.0  # dB from floor to peak before the floor counts: speech may start at once
_RISE: Final = 0.06  # dB a frame: the floor forgets a hush, the peak forgets a shout


class Loudness:
    """Judges frame after frame of one stream; a single loud frame is a click and not yet speech."""

    def __init__(self) -> None:
        self._floor = 0.0
        self._peak = -90.0
        self._loud = 0

    def is_speech(self, frame: bytes) -> bool:
        """Whether a frame of PCM16 is speech. Time passes only by frames."""
        samples = np.frombuffer(frame, "<i2").astype(np.float32)
        power = float(np.mean((samples - samples.mean()) ** 2)) / 32768**2
        level = max(-90.0, 10 * math.log10(power + 1e-12))
        self._floor = min(level, self._floor + _RISE)
        self._peak = max(level, self._peak - _RISE)
        span = self._peak - self._floor
        line = self._floor + _SHARE * span if span >= _CLEAR else _NEVER
        self._loud = self._loud + 1 if level > max(line, _NEVER) else 0
        return self._loud >= 2
