"""Sorting: which worker a new connection is for, as far as its first line says, read in passing.

Nothing is taken from the connection: the worker reads it from the beginning.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from gateway.workers.naming import owner

FIRST = 4096  # bytes in which the first line must end
SECONDS = 10.0  # that a connection may say nothing
AGAIN = 0.02  # seconds until half a line is looked at again

Give = Callable[[socket.socket, "int | None"], None]


class Sorter:
    """Waits for the first line of each connection, and then gives it away."""

    def __init__(self, give: Give) -> None:
        self._give = give
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[socket.socket, asyncio.TimerHandle] = {}

    def add(self, connection: socket.socket) -> None:
        """A connection that was accepted just now."""
        connection.setblocking(False)
        self._waiting[connection] = self._loop.call_later(SECONDS, self._drop, connection)
        self._loop.add_reader(connection.fileno(), self._look, connection)

    def close(self) -> None:
        """Drop those that have said nothing yet."""
        for connection in list(self._waiting):
            self._drop(connection)

    def _look(self, connection: socket.socket) -> None:
        if connection not in self._waiting:
            return
        self._loop.remove_reader(connection.fileno())
        try:
            said = connection.recv(FIRST, socket.MSG_PEEK)
        except OSError:
            self._drop(connection)
            return
        if not said:
            self._drop(connection)
        elif b"\n" in said or len(said) >= FIRST:
            self._waiting.pop(connection).cancel()
            self._give(connection, _owner(said))
        else:  # it would ring at once and for ever
            self._loop.call_later(AGAIN, self._wait, connection)

    def _wait(self, connection: socket.socket) -> None:
        if connection in self._waiting:
            self._loop.add_reader(connection.fileno(), self._look, connection)

    def _drop(self, connection: socket.socket) -> None:
        if (timer := self._waiting.pop(connection, None)) is not None:
            timer.cancel()
        self._loop.remove_reader(connection.fileno())
        connection.close()


def _owner(said: bytes) -> int | None:
    parts = said.split(b"\n", 1)[0].split(b" ")
    if len(parts) < 2:
        return None
    path, _, query = parts[1].decode("latin-1").partition("?")
    return owner(path, query)
