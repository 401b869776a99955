"""Pressure: whether this machine can carry one call more: how late its loop runs, what it holds.

A loop that runs late makes every call stutter; so new ones are turned away before it does.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from gateway.background import beside, repeated
from gateway.settings.limits import Limits

PERIOD = 0.05  # seconds between two samples
WINDOW = 5.0  # seconds over which the lag is judged
FEWEST = 8  # samples; fewer say nothing, for the process has just begun
STATM = Path("/proc/self/statm")
MEGABYTE = 1_000_000


class LoopLag:
    """How much later than it should the event loop runs what is due."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()  # when, and how late

    def add(self, now: float, late: float) -> None:
        """A timer rang so late."""
        self._samples.append((now, max(0.0, late)))
        while self._samples[0][0] < now - WINDOW:
            self._samples.popleft()

    def p95(self) -> float:
        """Seconds that no more than one timer in twenty exceeded in the last five, or just one."""
        count = len(self._samples)
        if count < FEWEST:
            return 0.0
        late = sorted(late for _, late in self._samples)
        return late[min(math.ceil(0.95 * count), count - 1) - 1]

    async def run(self) -> None:
        """Sample until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() + PERIOD

        def sample() -> float:
            nonlocal due
            now = loop.time()
            self.add(now, now - due)
            due = now + PERIOD
            return PERIOD

        await repeated(sample, PERIOD)


def resident() -> int:
    """Bytes of memory that this process holds; 0 where the system does not say."""
    try:
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


class Pressure:
    """What speaks against one call more. The limits may be changed as it goes."""

    def __init__(self, limits: Limits, held: Callable[[], int] = resident) -> None:
        self.limits = limits
        self.lag = LoopLag()
        self._held = held

    def why(self) -> str:
        """Why no call is to be let in at this moment; empty where one is."""
        limits, lag = self.limits, self.lag.p95() * 1000
        if limits.lag_ms and lag > limits.lag_ms:
            return (
                f"This machine is at its limit: its event loop runs {lag:.0f} ms late, and "
                f"limits.lag_ms is {limits.lag_ms}; call again later."
            )
        if limits.memory_mb and (held := self._held() // MEGABYTE) > limits.memory_mb:
            return (
                f"This machine is at its limit: {held} MB of memory are held, and "
                f"limits.memory_mb is {limits.memory_mb}; call again later."
            )
        return ""

    def watched(self) -> AbstractAsyncContextManager[None]:
        """Watch the loop from now on: when all is loaded, for that holds up no call."""
        return beside(self.lag.run(), "loop lag")

    def strain(self) -> float:
        """How near this machine is to its limits: 1 is there."""
        limits = self.limits
        late = self.lag.p95() * 1000 / limits.lag_ms if limits.lag_ms else 0.0
        held = self._held() / MEGABYTE / limits.memory_mb if limits.memory_mb else 0.0
        return max(late, held)
