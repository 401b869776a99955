"""Outlet: what goes out over a socket, at once while the far end reads, else from a queue."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from gateway.flag import Flag
from gateway.sockets.socket import Socket

Entry = TypeVar("Entry")


class Outlet(Generic[Entry]):
    """The way out of one leg; nothing is written until it is opened with a socket."""

    def __init__(
        self,
        write: Callable[[Entry], None],
        size: Callable[[Entry], int],
        give_up: Callable[[], None],
        most: int,
        blocked: float,
    ) -> None:
        self._write = write
        self._size = size  # bytes of an entry, near enough
        self._give_up = give_up  # to be called where the far end does not read
        self._most = most  # bytes that may wait
        self._blocked = blocked  # seconds that they may wait for a far end that takes nothing
        self._queue: deque[Entry] | None = None  # made when the first has to wait
        self._socket: Socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._emptied = Flag(is_set=True)
        self._holds = False
        self.waiting = 0  # bytes

    def open(self, socket: Socket) -> None:
        """Write from here on, what waits first."""
        self._socket = socket
        self.go_on()

    def put(self, entry: Entry) -> None:
        """Write it, or let it wait its turn."""
        socket = self._socket
        if socket is not None and socket.writable and not (self._queue or self._holds):
            self._write(entry)
            return
        if self._queue is None:
            self._queue = deque()
        self._queue.append(entry)
        self._emptied.clear()
        self.waiting += self._size(entry)
        if self.waiting > self._most:
            self._give_up()
        elif self._timer is None and socket is not None:
            self._timer = asyncio.get_running_loop().call_later(self._blocked, self._give_up)

    def go_on(self) -> None:
        """The far end reads again."""
        self._disarm()
        if self._holds:
            return
        while self._queue and self._socket is not None and self._socket.writable:
            entry = self._queue.popleft()
            self.waiting -= self._size(entry)
            self._write(entry)
        if not self._queue:
            self._emptied.set()
        elif self._socket is not None:
            self._timer = asyncio.get_running_loop().call_later(self._blocked, self._give_up)

    def hold(self) -> None:
        """Write nothing until `release`: what translates it is not to be had."""
        self._holds = True

    def release(self) -> None:
        """Write again."""
        self._holds = False
        self.go_on()

    def take_back(self, kind: type) -> None:
        """What waits of that kind is not to be said."""
        if self._queue:
            self._queue = deque(entry for entry in self._queue if not isinstance(entry, kind))
            self.waiting = sum(map(self._size, self._queue))

    def clear(self) -> None:
        """Nothing that waits is to be said."""
        self._disarm()
        self._queue = None
        self.waiting = 0
        self._emptied.set()

    async def wait_empty(self) -> None:
        """Until nothing waits; at once where it was never opened."""
        if self._socket is not None:
            await self._emptied.wait()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
