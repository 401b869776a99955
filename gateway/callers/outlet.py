"""Outlet: what goes out over a leg's socket, at once while the peer reads, else from a queue."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from gateway.call.effects import Play, ToCaller
from gateway.callers.dialect import Reply
from gateway.flag import Flag
from gateway.sockets.socket import Socket

OVERHEAD = 256  # bytes that an effect without audio is counted as, at least

Entry = ToCaller | Reply


class Outlet:
    """The way out of one leg; shut until it is opened with a socket."""

    def __init__(
        self,
        write: Callable[[Entry], None],
        give_up: Callable[[], None],
        most: int,
        blocked: float,
        kinds: frozenset[type] | None = None,
    ) -> None:
        self._write = write
        self._kinds = kinds  # of effects that there are words for, where not of all
        self._give_up = give_up  # to be called where the peer does not read
        self._most = most  # bytes that may wait
        self._blocked = blocked  # seconds that they may wait for a peer that takes nothing
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
        """Write it, or let it wait its turn; nothing where there is no word for it."""
        if self._kinds is not None and type(entry) not in self._kinds:
            return
        socket = self._socket
        if socket is not None and socket.writable and not (self._queue or self._holds):
            self._write(entry)
            return
        if self._queue is None:
            self._queue = deque()
        self._queue.append(entry)
        self._emptied.clear()
        self.waiting += size(entry)
        if self.waiting > self._most:
            self._give_up()
        elif self._timer is None and socket is not None:
            self._timer = asyncio.get_running_loop().call_later(self._blocked, self._give_up)

    def go_on(self) -> None:
        """The peer reads again."""
        self._disarm()
        if self._holds:
            return
        while self._queue and self._socket is not None and self._socket.writable:
            entry = self._queue.popleft()
            self.waiting -= size(entry)
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

    def take_back(self) -> None:
        """Sound that has not been written is not to be heard."""
        if self._queue:
            self._queue = deque(entry for entry in self._queue if not isinstance(entry, Play))
            self.waiting = sum(map(size, self._queue))

    def clear(self) -> None:
        """Nothing that waits is to be said."""
        self._disarm()
        self._queue = None
        self.waiting = 0
        self._emptied.set()

    async def wait_empty(self) -> None:
        """Until nothing waits."""
        if self._socket is not None:
            await self._emptied.wait()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def size(entry: Entry) -> int:
    """Bytes, near enough."""
    match entry:
        case Reply(str() | bytes() as message):
            return OVERHEAD + len(message)
        case Play(_, pcm):
            return OVERHEAD + len(pcm)
        case _:
            return OVERHEAD + len(getattr(entry, "text", "")) + len(getattr(entry, "output", ""))
