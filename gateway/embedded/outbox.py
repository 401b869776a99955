"""What is on its way to a client: in order, bounded, and gone when the client is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

FULL_BYTES = 512 * 1024  # from here on whoever can wait waits
HARD_BYTES = 64 * 1024 * 1024  # a client that lets this much pile up does not read


class Outbox:
    """Messages to one client; putting never waits, producers wait for room between messages."""

    def __init__(self) -> None:
        self._messages: deque[str] = deque()
        self._bytes = 0
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def put(self, message: str) -> None:
        """Take a message along; a client that reads nothing at all loses what comes then."""
        if self._bytes > HARD_BYTES:
            return
        self._messages.append(message)
        self._bytes += len(message)
        self._some.set()
        if self._bytes >= FULL_BYTES:
            self._room.clear()

    async def wait_room(self) -> None:
        """Wait until the client has taken enough; always lets other tasks run."""
        await self._room.wait()
        await asyncio.sleep(0)

    async def deliver(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Send messages as they come, for ever."""
        while True:
            await self._some.wait()
            while self._messages:
                message = self._messages.popleft()
                self._bytes -= len(message)
                if self._bytes < FULL_BYTES:
                    self._room.set()
                await send(message)
            self._some.clear()

    async def flush(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Send what is left, once nobody delivers any more."""
        while self._messages:
            await send(self._messages.popleft())
