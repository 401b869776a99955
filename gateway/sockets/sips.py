"""Sips: a connection is read in pieces that leave its buffer room, so that only a message grows it.

The framing (picows) doubles its buffer, for good, after each read that fills nine tenths of it. It
takes that for a message which does not fit; but after a moment in which nobody read, many small
ones lie there, and behind a large one the next. So a caller, whose frames are small and many, is
read half a first buffer at a time; a model, whose messages are few and large, as far as its buffer
need not grow, until a message needs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import repeat
from operator import itemgetter
from typing import Any, Final

from picows.picows import WSProtocol  # type: ignore[attr-defined]

READS: Final = 4096  # bytes of a connection's first buffer
SPARED: Final = 8  # the part of a buffer that is offered only to a message that needs it
_SIP: Final = itemgetter(slice(READS // 2))

Offer = Callable[[int], memoryview]  # where the next bytes go; asked for before each read


def small(framing: WSProtocol) -> Offer:
    """Sips of what the framing offers, without a step in Python."""
    return partial(next, map(_SIP, map(framing.get_buffer, repeat(READS))))


class Large:
    """As much as its buffer takes of itself, for few reads; and then what makes it grow."""

    def __init__(self, framing: WSProtocol) -> None:
        self._room: Offer = framing.get_buffer
        self._whole = self._spared = 0  # bytes of the buffer, as far as that has been seen
        self._grows = False  # whether it has been offered until it doubles

    def offer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        room = self._room(sizehint)
        free = len(room)
        if free > self._whole:
            # Once it has doubled, the half of a message lies there.
            self._whole = max(free, 2 * self._whole) if self._grows else free
            self._spared, self._grows = self._whole // SPARED, False
        if free > self._spared:
            return room[: free - self._spared]
        self._grows = True
        return room[: free - 1]  # so that more than the old one is free in the one twice as large


class Sips(asyncio.BufferedProtocol):
    """Stands between a transport and its framing."""

    __slots__ = ("_framing", "buffer_updated", "eof_received", "get_buffer")

    get_buffer: Offer  # type: ignore[assignment]

    def __init__(self, framing: WSProtocol, offer: Offer) -> None:
        self._framing = framing
        self.get_buffer = offer
        self.buffer_updated = framing.buffer_updated  # type: ignore[method-assign]
        self.eof_received = framing.eof_received  # type: ignore[method-assign]

    def connection_lost(self, exc: Exception | None) -> None:
        self._framing.connection_lost(exc)

    def pause_writing(self) -> None:
        self._framing.pause_writing()

    def resume_writing(self) -> None:
        self._framing.resume_writing()


def sip(transport: Any) -> None:
    """Read this connection to a model so, from here on; its framing is its protocol."""
    framing = transport.get_protocol()
    if framing is not None:  # it has not ended already
        transport.set_protocol(Sips(framing, Large(framing).offer))
