"""Ear: the caller's sound on its way into a call: no faster than time, in frames, voiced or not.

Silence is told of in one piece while the call would do nothing else on each frame of it, and before
anything else that the call is told of. So nothing waits for it, and its times are as they were.
"""

from __future__ import annotations

from collections.abc import Callable

from audio.convert import DECODERS
from audio.pcm import Framer
from audio.vad import VoiceDetector
from gateway.call.events import CallerAudio
from gateway.call.pace import Pace
from gateway.call.plan import FRAME_US, Plan
from gateway.call.stillness import Stillness

GAP_US = 100_000  # after which frames are no longer of one piece: the line was dead

Tell = Callable[[CallerAudio, int], None]


class Ear:
    """Of one call, which is told of frames as `stillness` allows, each time with when it came."""

    def __init__(
        self, plan: Plan, detector: VoiceDetector, stillness: Stillness, tell: Tell
    ) -> None:
        self._pace = Pace(plan.burst)
        self._rate = plan.rate * plan.format.width  # bytes a second
        self._framer = Framer(plan.samples(FRAME_US) * plan.format.width)
        self._decode = DECODERS[plan.encoding]
        self._voiced = detector.voiced
        self._stillness = stillness
        self._tell = tell
        self._silent_at = 0  # when the last frame of silence came
        self._room = 1  # so many of them may be told of at once
        self.silence: list[bytes] = []  # frames of which the call has not been told

    def hear(self, pcm: bytes, now: int) -> bool:
        """Take sound of any length; false where it comes too fast, and is dropped."""
        if not self._pace.take(-(-len(pcm) * 1_000_000 // self._rate), now):
            return False
        for frame in self._framer.push(pcm):
            if not self._voiced(self._decode(frame)):
                self._keep(frame, now)
                continue
            if self.silence:
                self.tell_silence()
            self._tell(CallerAudio(frame, True), now)
        return True

    def _keep(self, frame: bytes, now: int) -> None:
        if self.silence and now - self._silent_at > GAP_US:
            self.tell_silence()
        if not self.silence:
            self._room = self._stillness.lull
        self.silence.append(frame)
        self._silent_at = now
        if len(self.silence) >= self._room:
            self.tell_silence()

    def tell_silence(self) -> None:
        """Tell the call of the frames that were kept back."""
        pcm = b"".join(self.silence)
        self.silence.clear()
        self._tell(CallerAudio(pcm), self._silent_at)
