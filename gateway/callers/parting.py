"""Parting: what a peer of a socket may cost, and why its leg ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.errors import WireError

MAX_FRAME = 256 * 1024  # bytes of one message; the server's ws_max_size is to be some larger
NOT_READING = "does not read"
LONGEST_REASON = 123  # bytes of a close frame's reason: RFC 6455, section 5.5


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may cost. Times in seconds."""

    start: float = 10.0  # until the call must have begun
    blocked: float = 10.0  # that one message may wait for a peer that does not read
    farewell: float = 2.0  # for all that is said at the end
    answer: float = 0.0  # until the peer has answered a farewell, where its protocol has it do so
    outbox: int = 4 * 1024 * 1024  # bytes that wait to be written
    frame: int = MAX_FRAME

    def check(self, message: str | bytes) -> None:
        """Raises WireError where a message is longer."""
        if len(message) > self.frame:
            raise WireError(
                f"Expected frames of at most {self.frame} bytes, and one of {len(message)} came. "
                "Send smaller ones.",
                1009,
            )


@dataclass(frozen=True, slots=True)
class Parting:
    """Why the leg ends."""

    reason: str
    code: int = 1000
    error: WireError | None = None
    known: bool = False  # whether the call knows already
    gone: bool = False  # whether nobody is there to be told
    by_us: bool = False  # whether we end a call that the caller would go on with

    @property
    def words(self) -> str:
        """What a close frame says of it."""
        said = str(self.error or self.reason).encode()[:LONGEST_REASON]
        return said.decode(errors="ignore")


def not_begun(seconds: float) -> Parting:
    """The peer was given so long, and its call has not begun."""
    error = WireError(
        f"Expected the call to begin within {seconds:g} s, and it did not. "
        "Connect again and begin at once."
    )
    return Parting("did not begin the call", error.code, error)


class Faults:
    """What goes wrong within `with` this ends the leg, and does not reach who happened to call."""

    def __init__(self, end: Callable[[Exception], None]) -> None:
        self._end = end

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, fault: object, trace: object) -> bool:
        if not isinstance(fault, Exception):
            return False
        self._end(fault)
        return True
