"""Notes: what callers and the scripted model write down, and the pipe it goes to the parent by.

All times are seconds of the machine's monotonic clock, which its processes share.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

Place = tuple[float, int]  # when, and how many samples were there by then


class Spoken(msgspec.Struct, tag=True):
    """One utterance of a caller."""

    call: int
    clip: int
    sent: list[float]  # when each frame of 20 ms was written
    barge_in: bool = False  # whether the assistant was speaking


class Heard(msgspec.Struct, tag=True):
    """One answer, as it reached a caller."""

    call: int
    session: int  # -1 where its signature could not be read
    answer: int
    rate: int
    places: list[Place]  # since its first sample
    asked: float  # when the last sound of the question before it was written; 0: nobody asked
    cut: float = 0.0  # when the gateway took the rest back; 0: it did not
    interrupted: float = 0.0  # when the caller's first sound of the interruption was written


class Missed(msgspec.Struct, tag=True):
    """A question that was not answered in time."""

    call: int
    asked: float


class CallBegan(msgspec.Struct, tag=True):
    """The gateway took a call, so many seconds after it was asked to."""

    call: int
    at: float
    setup: float


class CallEnded(msgspec.Struct, tag=True):
    """A call is over. `cause` is empty where the caller hung up as planned."""

    call: int
    at: float
    cause: str = ""
    detail: str = ""
    began: bool = True  # false: it was never answered


class Turn(msgspec.Struct, tag=True):
    """One turn of a caller, as it reached the model."""

    session: int
    rate: int
    places: list[Place]
    audio: bytes = b""  # as PCM16; empty where this turn is not among those looked at
    ended: float = 0.0


class Answered(msgspec.Struct, tag=True):
    """One answer of the model: when each delta was written, and its samples in all by then."""

    session: int
    answer: int
    rate: int
    places: list[Place]
    whole: bool  # false: cancelled


class SessionEnded(msgspec.Struct, tag=True):
    """A session of the model is over."""

    session: int
    at: float


class Pulse(msgspec.Struct, tag=True):
    """How a process of the tester is doing: lateness in seconds, since the last pulse."""

    source: str
    at: float
    late: list[float]
    live: int


class Ready(msgspec.Struct, tag=True):
    """A process of the tester has begun; where it listens, if it does."""

    source: str
    address: str = ""


Note = (
    Spoken | Heard | Missed | CallBegan | CallEnded | Turn | Answered | SessionEnded | Pulse | Ready
)
ENCODER = msgspec.msgpack.Encoder()
DECODER: msgspec.msgpack.Decoder[Note] = msgspec.msgpack.Decoder(Note)
HEAD = 4  # bytes of a note's length


def packed(note: Note) -> bytes:
    """A note as it goes through a pipe."""
    body = ENCODER.encode(note)
    return len(body).to_bytes(HEAD, "big") + body


class Unpacker:
    """Notes out of a pipe, however its bytes come."""

    def __init__(self) -> None:
        self._rest = b""

    def push(self, data: bytes) -> Iterator[Note]:
        """The notes that are whole by now."""
        held, at = self._rest + data, 0
        while at + HEAD <= len(held):
            end = at + HEAD + int.from_bytes(held[at : at + HEAD], "big")
            if end > len(held):
                break
            yield DECODER.decode(held[at + HEAD : end])
            at = end
        self._rest = held[at:]
