"""Written: where in the audio that was written to the model what was said when."""

from __future__ import annotations

from array import array
from bisect import bisect_right

from gateway.call.plan import FRAME_US, Plan


class WrittenMap:
    """From audio written to the model, in samples, to call time: the gaps are what was trimmed."""

    KEPT = 512  # gaps, of a call that lasts for hours; an older one is forgotten

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        # Where sound goes on after a gap, and the call time of that: plain numbers, 16 bytes each.
        self._starts, self._times = array("q"), array("q")
        self.total = 0

    def add(self, samples: int, spoken_until: int) -> None:
        """So many samples are written, the last of which was spoken at that time."""
        before, self.total = self.total, self.total + samples
        if self._starts:
            without_gap = self._times[-1] + self._plan.microseconds(self.total - self._starts[-1])
            if abs(spoken_until - without_gap) <= FRAME_US:
                return
        self._starts.append(before)
        self._times.append(spoken_until - self._plan.microseconds(samples))
        del self._starts[: -self.KEPT], self._times[: -self.KEPT]

    def call_time(self, written: int) -> int:
        """When the sample at that place of the written audio was spoken."""
        at = bisect_right(self._starts, written) - 1
        if at < 0:
            return self._times[0] if self._times else 0
        return self._times[at] + self._plan.microseconds(written - self._starts[at])
