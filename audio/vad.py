"""Voice detection: is there speech in these 20 ms? webrtcvad says, and costs almost nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import webrtcvad

from audio.pcm import BYTES, AudioError, Framer, audioop, silence

FRAMES_A_SECOND = 50

_FAINT = 8  # the least that G.711 can say but silence; no speech is as soft
_STILL = 2  # frames of that or less that are judged: after them no filter holds any sound


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
        self._bytes = frame_bytes(rate)
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
            raise misfit(frame, self._bytes, self.rate)
        loudest = audioop.max(frame, BYTES)  # of all doors, fifty times a second
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


def _lower(rate: int, target: int) -> Callable[[bytes], Iterable[bytes]]:
    """Brings frames down for whoever needs little of their quality."""
    if rate % target:
        return _Lower(rate, target).frames
    from audio.decimator import Decimator  # it takes numpy, and telephones do without

    decimator = Decimator(rate // target)
    return lambda frame: (decimator.push(frame),)


class _Lower:
    """Frames of 20 ms at another rate, each ready as soon as the one it is made of."""

    def __init__(self, rate: int, target: int) -> None:
        from audio.resample import Resampler  # it takes numpy, and telephones do without

        self._resampler = Resampler(rate, target)
        self._framer = Framer(frame_bytes(target))
        # What the filter holds back is made good in advance, or every frame would wait for the
        # next one.
        self._framer.push(silence(int(self._resampler.delay * target) + 1))

    def frames(self, frame: bytes) -> Iterable[bytes]:
        return self._framer.push(self._resampler.push(frame))


def frame_bytes(rate: int) -> int:
    """The size of 20 ms. Raises AudioError for a rate at which nothing can be judged."""
    if rate < 8_000 or rate % FRAMES_A_SECOND:
        raise AudioError(
            f"voice detection needs at least 8000 Hz and whole samples in 20 ms, not {rate} Hz; "
            "use 8000, 16000, 24000, 44100 or 48000"
        )
    return rate // FRAMES_A_SECOND * 2


def misfit(frame: bytes, expected: int, rate: int) -> AudioError:
    """What to raise for a frame of another length."""
    return AudioError(
        f"a frame of 20 ms at {rate} Hz has {expected} bytes, but {len(frame)} came; "
        "cut the stream with audio.pcm.Framer"
    )
