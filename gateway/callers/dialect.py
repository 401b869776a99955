"""Dialect: a caller's wire protocol as a pure translation between messages and events or effects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from gateway.call.effects import ToCaller
from gateway.call.events import FromCaller

Message = str | bytes


class Dialect(Protocol):
    """One connection's translation; made afresh for each, so that two never share state."""

    rate: int  # Hz of the audio on the wire, and of the audio in its events and effects
    lead: int  # how far ahead of the caller's ear audio may be sent, in microseconds
    grain: int  # how much at once, in microseconds

    def decode(self, message: Message) -> Iterator[FromCaller]:
        """What a message from the caller means. Raises WireError, and nothing else, on a bad one."""
        ...

    def encode(self, effect: ToCaller) -> Iterator[Message]:
        """The messages that carry out an effect; none for effects that the protocol has no word for."""
        ...
