"""Vigil: whether a socket still leads anywhere, asked as soon as something sent stays unanswered.

The keepalive of the library asks by the clock, and gives a socket 15 s. A caller who speaks into a
dead one would have spoken in vain by then. There is one timer, and none while nothing is owed: it
is not moved by what comes and goes, but looks again when it rings.
"""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.background import RESOLUTION
from gateway.sockets.socket import Socket

QUIET: Final = 0.5  # seconds after something was sent without anything coming back
ANSWER: Final = 1.5  # seconds that the answer to a ping may take
OWN: Final = 0.1  # seconds that this process may be late itself before it blames the other
SLOWEST: Final = 100_000  # bytes a second of a line: what was sent before the ping goes before it


class Vigil:
    """What one socket owes."""

    def __init__(self) -> None:
        self._since: float | None = None  # when the oldest thing was sent that nothing came after
        self._bytes = 0  # sent since anything came
        self._socket: Socket | None = None  # that is watched
        self._dead: asyncio.Future[None] | None = None
        self._asked: asyncio.Future[None] | None = None  # an answer that is awaited
        self._timer: asyncio.TimerHandle | None = None

    def sent(self, size: int) -> None:
        """A message of so many bytes has been handed to the socket."""
        if self._since is None:
            loop = asyncio.get_running_loop()
            self._since = loop.time()
            if self._timer is None and self._socket is not None:
                self._timer = loop.call_later(QUIET, self._look)
        self._bytes += size

    def heard(self) -> None:
        """Something has come."""
        self._since = None
        self._bytes = 0

    async def wait_dead(self, socket: Socket) -> None:
        """Until the socket leads nowhere. Raises ConnectionError where it is closed before."""
        loop = asyncio.get_running_loop()
        self._socket, self._dead = socket, loop.create_future()
        self._look()
        try:
            await self._dead
        finally:
            self._socket = None
            self._disarm()

    def _look(self) -> None:
        """Ask, once something has stayed unanswered for so long."""
        self._timer = None
        if self._since is None:
            return
        loop = asyncio.get_running_loop()
        left = self._since + QUIET - loop.time()
        if left > RESOLUTION:
            self._timer = loop.call_later(left, self._look)
        else:
            self._ask(loop, self._since)

    def _ask(self, loop: asyncio.AbstractEventLoop, since: float) -> None:
        assert self._socket is not None
        try:
            asked = self._socket.ping()
        except ConnectionError as error:
            self._closed(error)
            return
        if asked is not self._asked:
            self._asked = asked
            asked.add_done_callback(self._answered)
        patience = ANSWER + self._bytes / SLOWEST
        until = loop.time() + patience
        self._timer = loop.call_later(patience, self._overdue, since, until)

    def _overdue(self, since: float, until: float) -> None:
        """No answer has come: the socket is dead, unless this process was late itself."""
        late = asyncio.get_running_loop().time() - until >= OWN
        if self._since != since or late:
            self._look()
        elif self._dead is not None and not self._dead.done():
            self._dead.set_result(None)

    def _answered(self, asked: asyncio.Future[None]) -> None:
        self._asked = None
        if self._socket is None or asked.cancelled():
            return
        if (error := asked.exception()) is None:
            self._disarm()
            self.heard()
        elif self._since is not None:
            self._closed(error)

    def _closed(self, error: BaseException) -> None:
        self._disarm()
        if self._dead is not None and not self._dead.done():
            self._dead.set_exception(error)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
