"""Callers of a soak: they speak, type, fall silent, hang up, vanish, come back, stop reading."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from tests.house import message

FRAME = 960  # bytes of 20 ms at 24 kHz
PERIOD = 0.02
QUIET = bytes(FRAME)
# How a call ends, and how often.
ENDS = {"hangs up": 55, "vanishes": 20, "comes back": 15, "does not read": 10}


@dataclass
class Count:
    """What the callers have seen."""

    calls: int = 0
    ended: dict[str, int] = field(default_factory=dict)  # by the reason that the gateway gave
    notices: dict[str, int] = field(default_factory=dict)
    heard: int = 0  # bytes
    returned: int = 0
    refused: int = 0
    broken: dict[str, int] = field(default_factory=dict)

    def add(self, table: dict[str, int], name: str) -> None:
        """One more of that name."""
        table[name] = table.get(name, 0) + 1


class Caller:
    """One line, over which one call after another is placed."""

    def __init__(self, place: str, speech: bytes, rng: random.Random, count: Count) -> None:
        self._place = place
        self._speech = speech
        self._rng = rng
        self._count = count
        self._call_id = ""

    async def run(self, until: float) -> None:
        """Call again and again."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._rng.uniform(0, 3))
        while loop.time() < until:
            try:
                await self._call(min(until, loop.time() + self._rng.uniform(3, 25)))
            except InvalidStatus as refused:
                self._count.refused += refused.response.status_code == 503
                await asyncio.sleep(1)
            except (OSError, WebSocketException) as error:
                self._count.add(self._count.broken, type(error).__name__)
                await asyncio.sleep(1)

    async def _call(self, until: float) -> None:
        how = self._rng.choices(list(ENDS), list(ENDS.values()))[0]
        place = self._place + ("?returns=1" if how == "comes back" else "")
        self._count.calls += 1
        async with _open(place) as socket:
            await socket.send(message("start", reports=False, name="soak"))
            await self._talk(socket, until)
            if how == "does not read":
                await self._speak(socket, 1.0)  # and nothing of the answer is taken
                socket.transport.abort()
            elif how == "hangs up":
                await self._hang_up(socket)
            else:
                socket.transport.abort()
        if how == "comes back" and self._call_id:
            await self._come_back()

    async def _come_back(self) -> None:
        await asyncio.sleep(self._rng.uniform(0, 3))
        async with _open(f"{self._place}?call={self._call_id}") as socket:
            await socket.send(message("start", reports=False, name="soak"))
            await self._talk(socket, asyncio.get_running_loop().time() + 4)
            self._count.returned += 1
            await self._hang_up(socket)

    async def _talk(self, socket: ClientConnection, until: float) -> None:
        """Turns by voice and by text, and silence between them."""
        reading = asyncio.create_task(self._read(socket))
        loop = asyncio.get_running_loop()
        try:
            while loop.time() < until and not reading.done():
                if self._rng.random() < 0.3:
                    await socket.send(message("text", text="Tell me something."))
                else:
                    await self._speak(socket, self._rng.uniform(0.5, 2.5))
                await self._be_quiet(socket, self._rng.uniform(0.5, 6))
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _speak(self, socket: ClientConnection, seconds: float) -> None:
        length = int(seconds / PERIOD) * FRAME
        at = self._rng.randrange(0, max(1, len(self._speech) - length), FRAME)
        await self._send(socket, self._speech[at : at + length])

    async def _be_quiet(self, socket: ClientConnection, seconds: float) -> None:
        await self._send(socket, QUIET * int(seconds / PERIOD))

    async def _send(self, socket: ClientConnection, pcm: bytes) -> None:
        """In time, as a microphone does."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, at in enumerate(range(0, len(pcm) - FRAME + 1, FRAME), start=1):
            await socket.send(pcm[at : at + FRAME])
            await asyncio.sleep(max(0.0, began + number * PERIOD - loop.time()))

    async def _read(self, socket: ClientConnection) -> None:
        with suppress(WebSocketException):
            async for frame in socket:
                if isinstance(frame, bytes):
                    self._count.heard += len(frame)
                else:
                    self._note(json.loads(frame))

    def _note(self, said: dict[str, Any]) -> None:
        match said:
            case {"type": "started", "call": call_id}:
                self._call_id = call_id
            case {"type": "ended", "reason": reason}:
                self._count.add(self._count.ended, reason.partition(":")[0])
            case {"type": "notice", "code": code}:
                self._count.add(self._count.notices, code)

    async def _hang_up(self, socket: ClientConnection) -> None:
        await socket.send(message("hangup"))
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                await self._read(socket)


def _open(place: str) -> connect:
    return connect(place, max_queue=4, compression=None, close_timeout=1, max_size=None)
