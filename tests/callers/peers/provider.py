"""A provider's side of a bridge, for tests: what it says, and what it makes of what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from audio.format import Format
from gateway.callers.dialect import Message

Messages = Sequence[Message]


@dataclass(frozen=True)
class Sound:
    """Play this, after what waits to be played."""

    audio: bytes


@dataclass(frozen=True)
class Mark:
    """Say so when all that came before has been played."""

    name: str


@dataclass(frozen=True)
class Clear:
    """Throw away what waits to be played."""


@dataclass(frozen=True)
class Owed:
    """The gateway is owed these messages at once."""

    messages: Messages


@dataclass(frozen=True)
class HungUp:
    """The gateway ends the call in the protocol's own words."""


@dataclass(frozen=True)
class Transferred:
    """The gateway has the caller put through in the protocol's own words."""

    target: str


Order = Sound | Mark | Clear | Owed | HungUp | Transferred


class Provider(Protocol):
    """One call as the provider sees it, with its sequence numbers and all. Pure: no clock, no I/O.

    It is the real provider's equal: `take` fails with AssertionError where that would refuse.
    """

    format: Format  # of the sound on its wire
    frame: int  # samples of the caller's sound in one message

    def begin(self) -> Messages:
        """All that comes before the first sound."""
        ...

    def speak(self, audio: bytes) -> Messages:
        """A frame of the caller's sound."""
        ...

    def press(self, digit: str) -> Messages:
        """The caller presses a key."""
        ...

    def hang_up(self) -> Messages:
        """The caller hangs up; none where that is but the end of the connection."""
        ...

    def played(self, mark: str) -> Messages:
        """All that came before a mark has been played."""
        ...

    def cleared(self, marks: Sequence[str]) -> Messages:
        """What was waiting has been thrown away, and these marks with it."""
        ...

    def take(self, message: Message) -> Sequence[Order]:
        """What the gateway wants."""
        ...
