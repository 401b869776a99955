"""Vigil: whether a socket still leads anywhere, asked as soon as something sent stays unanswered.

The keepalive of the library asks by the clock, and gives a socket 15 s. A caller who speaks into a
dead one would have spoken in vain by then.
"""

from __future__ import annotations

import asyncio
from typing import Final

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
        self._sent = asyncio.Event()

    def sent(self, size: int) -> None:
        """A message of so many bytes has been handed to the socket."""
        if self._since is None:
            self._since = asyncio.get_running_loop().time()
            self._sent.set()
        self._bytes += size

    def heard(self) -> None:
        """Something has come."""
        self._since, self._bytes = None, 0
        self._sent.clear()

    async def wait_dead(self, socket: Socket) -> None:
        """Until the socket leads nowhere. Raises ConnectionError where it is closed before."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._wait_quiet()
            patience = ANSWER + self._bytes / SLOWEST
            until = clock() + patience
            try:
                async with asyncio.timeout(patience):
                    await asyncio.shield(socket.ping())
            except TimeoutError:
                if self._since is not None and clock() - until < OWN:
                    return
            else:
                self.heard()

    async def _wait_quiet(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await self._sent.wait()
            since = self._since
            if since is None:  # something came while this was being woken
                continue
            await asyncio.sleep(max(0.0, since + QUIET - clock()))
            if self._since == since:
                return
