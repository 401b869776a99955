"""How sound is written as bytes: the encoding and the rate. Always one channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Encoding = Literal["pcm16", "pcm16be", "pcmu", "pcma"]  # PCM16 is little-endian unless it says be

WIDTHS: dict[Encoding, int] = {"pcm16": 2, "pcm16be": 2, "pcmu": 1, "pcma": 1}
SILENCE: dict[Encoding, bytes] = {
    "pcm16": b"\0\0",
    "pcm16be": b"\0\0",
    "pcmu": b"\xff",
    "pcma": b"\xd5",
}


@dataclass(frozen=True, slots=True)
class Format:
    """An encoding at a rate in Hz."""

    encoding: Encoding
    rate: int
    width: int = field(init=False, repr=False, compare=False)  # bytes of one sample

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", WIDTHS[self.encoding])

    def samples(self, audio: bytes) -> int:
        """How many whole samples these bytes hold."""
        return len(audio) // self.width

    def silence(self, samples: int) -> bytes:
        """So many samples of silence."""
        return SILENCE[self.encoding] * samples

    def __str__(self) -> str:
        return f"{self.encoding} at {self.rate} Hz"


def pcm16(rate: int) -> Format:
    """PCM16 little-endian at so many Hz."""
    return Format("pcm16", rate)
