"""Sips: a connection is read in pieces that leave its buffer room, so that only a message grows it.

The framing (picows) doubles its buffer, for good, after each read that fills nine tenths of it. It
takes that for a message which does not fit; but after a moment in which nobody read, many small
ones lie there. So a read is offered half of the first buffer, and what is left of a message there
beside it grows it only where that message is large.
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
_SIP: Final = itemgetter(slice(READS // 2))


class Sips(asyncio.BufferedProtocol):
    """Stands between a transport and its framing."""

    __slots__ = ("_framing", "buffer_updated", "eof_received", "get_buffer")

    get_buffer: Callable[[int], memoryview]  # type: ignore[assignment]

    def __init__(self, framing: WSProtocol) -> None:
        self._framing = framing
        # Asked for before each read: sips of what the framing offers, without a step in Python.
        self.get_buffer = partial(next, map(_SIP, map(framing.get_buffer, repeat(READS))))
        self.buffer_updated = framing.buffer_updated  # type: ignore[method-assign]
        self.eof_received = framing.eof_received  # type: ignore[method-assign]

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
