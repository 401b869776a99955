"""Sips: a connection is read in pieces that leave its buffer room, so that only a message grows it.

The framing (picows) doubles its buffer, for good, after each read that fills nine tenths of it. It
takes that for a message which does not fit; but after a moment in which nobody read, many small
ones lie there. So no read is offered more than that, until what lies in the buffer is one message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from picows.picows import WSProtocol  # type: ignore[attr-defined]

SPARED = 8  # the part of the buffer that is not offered: more than a tenth


class Sips(asyncio.BufferedProtocol):
    """Stands between a transport and its framing."""

    __slots__ = (
        *("_framing", "_grows", "_room", "_spared", "_whole"),
        *("buffer_updated", "eof_received"),
    )

    def __init__(self, framing: WSProtocol) -> None:
        self._framing = framing
        self._room: Callable[[int], memoryview] = framing.get_buffer
        self._whole = self._spared = 0  # bytes of the buffer, as far as that has been seen
        self._grows = False  # whether it has been offered until it doubles
        self.buffer_updated = framing.buffer_updated  # type: ignore[method-assign]
        self.eof_received = framing.eof_received  # type: ignore[method-assign]

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        room = self._room(sizehint)
        size = len(room)
        if size > self._whole:
            self._measure(size)
        if size > self._spared:
            return room[: size - self._spared]
        self._grows = True
        return room[: size - 1]  # so that more than the old one is free in the one twice as large

    def _measure(self, free: int) -> None:
        """So much of the buffer is free; after it has doubled, the half of a message lies there."""
        self._whole = max(free, 2 * self._whole) if self._grows else free
        self._spared, self._grows = self._whole // SPARED, False

    def connection_lost(self, exc: Exception | None) -> None:
        self._framing.connection_lost(exc)

    def pause_writing(self) -> None:
        self._framing.pause_writing()

    def resume_writing(self) -> None:
        self._framing.resume_writing()


def sip(transport: Any) -> None:
    """Read this connection so, from here on; its framing is its protocol."""
    framing = transport.get_protocol()
    if framing is not None:  # it has not ended already
        transport.set_protocol(Sips(framing))
