"""Written: where in the audio that was written to the model what was said when."""

from __future__ import annotations

from collections import deque

from gateway.call.plan import FRAME_US, Plan


class WrittenMap:
    """From audio written to the model, in samples, to call time: the gaps are what was trimmed."""

    KEPT = 512

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._marks: deque[tuple[int, int]] = deque(maxlen=self.KEPT)  # (written, call time)
        self.total = 0

    def add(self, samples: int, spoken_until: int) -> None:
        """So many samples are written, the last of which was spoken at that time."""
        before, self.total = self.total, self.total + samples
        if self._marks:
            start, at = self._marks[-1]
            gap = spoken_until - at - self._plan.microseconds(self.total - start)
            if abs(gap) <= FRAME_US:
                return
        self._marks.append((before, spoken_until - self._plan.microseconds(samples)))

    def call_time(self, written: int) -> int:
        """When the sample at that place of the written audio was spoken."""
        for start, at in reversed(self._marks):
            if start <= written:
                return at + self._plan.microseconds(written - start)
        return self._marks[0][1] if self._marks else 0
