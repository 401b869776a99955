"""Extras: what a dialect may have beyond translating, for a leg that carries the sound itself."""

from __future__ import annotations

from collections.abc import Iterator
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
