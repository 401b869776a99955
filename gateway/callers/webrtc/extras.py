"""Extras of a leg that carries sound itself: what its dialect may have, what its peer may cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from gateway.callers.dialect import Message
from gateway.callers.webrtc.speaker import Playout


@runtime_checkable
class Listener(Protocol):
    """A dialect that leaves sound to the leg, and tells its peer when it is heard, and no more."""

    def playout(self, playout: Playout, item_id: str) -> Iterator[Message]: ...


@runtime_checkable
class Opener(Protocol):
    """A dialect that speaks first, as soon as its channel is open."""

    def opened(self) -> Iterator[Message]: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may cost. Times in seconds."""

    connect: float = 15.0  # until media can flow
    join: float = 10.0  # from then on until the call has begun
    silent: float = 8.0  # without any packet, after which the line is taken to be broken
    farewell: float = 2.0  # for all that is said at the end
    outbox: int = 4 * 1024 * 1024  # bytes that wait on the data channel
    message: int = 256 * 1024  # bytes of one message
