"""Line: what every protocol gives to the callers of a load test, and what may become of a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from audio.format import Format
from gateway.errors import TrunklineError


class CallFailedError(TrunklineError):
    """A call did not come about, or broke. `cause` is one of few words, for counting."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause, self.detail = cause, detail


NOT_THERE = "nothing listens there"
REFUSED = "refused"
NO_ANSWER = "no answer in time"
BROKE = "broke in the middle"
FULL = "the gateway lets no more in: see its server.max_calls, [limits] and [quotas]"
NOT_UNDERSTOOD = "spoke another protocol"

Over = Callable[[str, str], None]  # cause and detail, once, when the far end ends the call


class Listener(Protocol):
    """What a caller hears with."""

    def sound(self, now: float, audio: bytes) -> None:
        """A piece came, in the caller's format."""
        ...

    def cleared(self, now: float) -> None:
        """The gateway took back what was not heard yet."""
        ...


class Speaker(Protocol):
    """Who calls, as a line knows it."""

    @property
    def number(self) -> int: ...
    @property
    def ear(self) -> Listener: ...

    def answered(self, now: float) -> None:
        """The gateway took the call."""
        ...

    def frame(self, now: float) -> bytes:
        """The next 20 ms of this caller's sound; they are written at once."""
        ...


class Line(Protocol):
    """One call's connection."""

    def beat(self, now: float) -> None:
        """Another 20 ms have passed."""
        ...

    def hang_up(self) -> None:
        """The caller is done."""
        ...


class Way(Protocol):
    """A way to a gateway."""

    form: Format  # in which its callers speak and hear

    async def call(self, caller: Speaker, over: Over) -> Line:
        """Place a call; it is answered when this returns. Raises CallFailedError."""
        ...

    async def close(self) -> None:
        """No more calls."""
        ...
