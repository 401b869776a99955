"""Ear: the caller's sound on its way into a call: no faster than time, in frames, voiced or not.

The call is told of frames of a kind in one piece while it would do nothing else on each of them
than keep it back, or send it on; and before all else that it is told of, but for the assistant's
sound beside a caller who is silent. What it would send on goes to the model at once. So nothing
waits for it, and its times are as they were.
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

SECOND = 1_000_000  # microseconds
GAP = 0.1  # seconds after which frames are no longer of one piece: the line was dead

Tell = Callable[[CallerAudio, float, bool], None]  # until when it came; whether the model has it


class Ear:
    """Of one call, which is told of frames as `stillness` allows, each time with when it came.

    Times are seconds by the clock of whoever feeds it.
    """

    def __init__(
        self,
        plan: Plan,
        detector: VoiceDetector,
        stillness: Stillness,
        tell: Tell,
        send: Callable[[bytes], None],
    ) -> None:
        self._pace = Pace(plan.burst / SECOND)
        self._rate = plan.rate * plan.format.width  # bytes a second
        self._frame = plan.samples(FRAME_US) * plan.format.width  # bytes
        self._framer = Framer(self._frame)
        self._decode = DECODERS[plan.encoding]
        self._voiced = detector.voiced
        self._stillness = stillness
        self._tell = tell
        self.send = send  # lets the model hear a frame of which the call will be told
        self.untold: list[bytes] = []  # frames of which the call has not been told
        self._speech = False  # whether those are voiced
        self._sent = False  # whether the model has heard them
        self._room = 1  # so many more may be told of with them
        self._heard_at = 0.0  # when the last of them came

    def hear(self, pcm: bytes, now: float) -> bool:
        """Take sound of any length; false where it comes too fast, and is dropped."""
        size = len(pcm)
        if not self._pace.take(size / self._rate, now):
            return False
        whole = size == self._frame and not self._framer.rest  # as telephones and browsers cut it
        for frame in (pcm,) if whole else self._framer.push(pcm):
            voiced = self._voiced(self._decode(frame))
            untold = self.untold
            if untold and (voiced != self._speech or now - self._heard_at > GAP):
                self.tell()
            if not untold:
                self._begin(voiced)
            if self._sent:
                self.send(frame)
            untold.append(frame)
            self._heard_at = now
            self._room -= 1
            if self._room <= 0:
                self.tell()
        return True

    def _begin(self, voiced: bool) -> None:
        self._speech, self._sent = voiced, False
        self._room = 1 if voiced else self._stillness.lull
        if self._room == 1:
            self._room = self._stillness.flow(voiced=voiced)
            self._sent = self._room > 1

    def tell(self) -> None:
        """Tell the call of what it has not been told of."""
        pcm = b"".join(self.untold)
        self.untold.clear()
        self._tell(CallerAudio(pcm, self._speech), self._heard_at, self._sent)
