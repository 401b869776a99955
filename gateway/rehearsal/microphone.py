"""A microphone that never stops: what the caller says, and silence in between, 20 ms at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from audio.pcm import BYTES, silence

FRAME_SECONDS = 0.02


class Microphone:
    """Gives a frame each 20 ms on an absolute schedule, so that no delay adds up."""

    def __init__(self, rate: int, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._frame = round(rate * FRAME_SECONDS) * BYTES
        self._waiting = bytearray()
        self._spoken = asyncio.Event()
        self._spoken.set()
        self.said = bytearray()  # all of it, silence included

    async def run(self) -> None:
        """Send until cancelled; a frame is due when the time that it lasts has passed."""
        loop = asyncio.get_running_loop()
        began, number = loop.time(), 0
        while True:
            number += 1
            await asyncio.sleep(began + number * FRAME_SECONDS - loop.time())
            frame = self._take()
            self.said += frame
            self._send(frame)

    async def say(self, pcm: bytes) -> None:
        """Speak; returns when the last frame of it has been sent."""
        self._spoken.clear()
        self._waiting += pcm
        await self._spoken.wait()

    def _take(self) -> bytes:
        frame = bytes(self._waiting[: self._frame])
        del self._waiting[: self._frame]
        if not self._waiting:
            self._spoken.set()
        return frame + silence((self._frame - len(frame)) // BYTES)
