"""PCM16 little-endian mono as bytes: measuring, cutting and joining it.

Nothing that telephones need in their own encoding takes numpy, which is an eighth of what a small
gateway holds and of the time until it is there; so whoever reckons with samples is in `floats`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable

with warnings.catch_warnings():
    # In the standard library until 3.12, and deprecated there; from 3.13 audioop-lts brings it.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop as audioop

BYTES = 2  # of one sample
FLOOR_DBFS = -120.0  # what digital silence measures; one step of 16 bits is already -90

FULL_SCALE = 32768.0


class AudioError(ValueError):
    """Audio that cannot be used as it is: says what was expected, what came, what to do."""


def silence(samples: int) -> bytes:
    """This many samples of digital silence."""
    return bytes(samples * BYTES)


def samples(pcm: bytes) -> int:
    """How many samples these bytes hold."""
    if len(pcm) % BYTES:
        raise AudioError(
            f"PCM16 has two bytes a sample, but {len(pcm)} bytes came; "
            "keep the odd byte back until its other half arrives"
        )
    return len(pcm) // BYTES


def peak_dbfs(pcm: bytes) -> float:
    """Highest level, where the largest sample is 0 and digital silence FLOOR_DBFS."""
    if not samples(pcm):
        return FLOOR_DBFS
    return dbfs(peak(pcm))


def peak(pcm: bytes) -> int:
    """The loudest sample, without its sign: 0 to 32768."""
    return audioop.max(pcm, BYTES)


class Framer:
    """Cuts a stream that comes in any pieces into frames of one size."""

    def __init__(self, size_bytes: int) -> None:
        if size_bytes <= 0:
            raise AudioError(
                f"a frame is a positive number of bytes, not {size_bytes}; "
                "20 ms of PCM16 at 24 kHz are 960"
            )
        self.size = size_bytes
        self.rest = b""  # what has come and does not fill a frame yet

    def push(self, pcm: bytes | bytearray | memoryview) -> Iterable[bytes]:
        """Take the next piece; give the frames that are now complete.

        The piece is taken when this is called, whether or not the frames are asked for.
        """
        whole = self.rest + bytes(pcm)
        end = len(whole) - len(whole) % self.size
        self.rest = whole[end:]
        return (whole[at : at + self.size] for at in range(0, end, self.size))


def stereo(left: bytes, right: bytes) -> bytes:
    """Two channels interleaved, the shorter padded with silence to the longer."""
    size = max(samples(left), samples(right)) * BYTES
    first = audioop.tostereo(left.ljust(size, b"\0"), BYTES, 1, 0)
    return audioop.add(first, audioop.tostereo(right.ljust(size, b"\0"), BYTES, 0, 1), BYTES)


def dbfs(amplitude: float) -> float:
    """The level of that many steps of 16 bits."""
    if amplitude <= 0.0:
        return FLOOR_DBFS
    return 20.0 * math.log10(amplitude / FULL_SCALE)
