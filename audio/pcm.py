"""PCM16 little-endian mono as bytes: measuring, cutting, mixing and shaping it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

with warnings.catch_warnings():
    # In the standard library until 3.12, and deprecated there; from 3.13 audioop-lts brings it.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop as audioop

BYTES = 2  # of one sample
FLOOR_DBFS = -120.0  # what digital silence measures; one step of 16 bits is already -90

_FULL_SCALE = 32768.0
_SAMPLE = np.dtype("<i2")


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


def rms_dbfs(pcm: bytes) -> float:
    """Mean level, where a full-scale square wave is 0 and digital silence FLOOR_DBFS."""
    if not samples(pcm):
        return FLOOR_DBFS
    wave = np.frombuffer(pcm, _SAMPLE).astype(np.float32)
    return _dbfs(float(np.sqrt(np.dot(wave, wave) / wave.size)))


def peak_dbfs(pcm: bytes) -> float:
    """Highest level, where the largest sample is 0 and digital silence FLOOR_DBFS."""
    if not samples(pcm):
        return FLOOR_DBFS
    return _dbfs(float(peak(pcm)))


def peak(pcm: bytes) -> int:
    """The loudest sample, without its sign: 0 to 32768."""
    return audioop.max(pcm, BYTES)


def to_float(pcm: bytes) -> npt.NDArray[np.float32]:
    """The samples as numbers from -1 up to, not including, 1."""
    samples(pcm)
    return np.frombuffer(pcm, _SAMPLE).astype(np.float32) / np.float32(_FULL_SCALE)


def from_float(wave: npt.NDArray[np.floating]) -> bytes:
    """Numbers from -1 to 1 as PCM16; what lies beyond is clipped, what is no number is silence."""
    scaled = np.nan_to_num(np.asarray(wave) * _FULL_SCALE, nan=0.0)
    return _clipped(np.rint(scaled))


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


def mix(a: bytes, b: bytes) -> bytes:
    """Both at once, as long as the longer; too loud a sum is clipped."""
    longer, shorter = (a, b) if samples(a) >= samples(b) else (b, a)
    total = np.frombuffer(longer, _SAMPLE).astype(np.int32)
    total[: samples(shorter)] += np.frombuffer(shorter, _SAMPLE)
    return _clipped(total)


def stereo(left: bytes, right: bytes) -> bytes:
    """Two channels interleaved, the shorter padded with silence to the longer."""
    pairs = np.zeros((max(samples(left), samples(right)), 2), _SAMPLE)
    pairs[: samples(left), 0] = np.frombuffer(left, _SAMPLE)
    pairs[: samples(right), 1] = np.frombuffer(right, _SAMPLE)
    return pairs.tobytes()


def gain(pcm: bytes, db: float) -> bytes:
    """Louder or softer by so many decibels; what becomes too loud is clipped."""
    return from_float(to_float(pcm) * np.float32(10.0 ** (db / 20.0)))


def fade(pcm: bytes, in_samples: int, out_samples: int) -> bytes:
    """Rise from and fall to silence along straight lines, so that neither end clicks.

    Lines longer than the audio are shortened to it.
    """
    wave = to_float(pcm)
    rise, fall = min(in_samples, wave.size), min(out_samples, wave.size)
    if rise > 0:
        wave[:rise] *= np.arange(rise, dtype=np.float32) / np.float32(rise)
    if fall > 0:
        wave[-fall:] *= np.arange(fall, dtype=np.float32)[::-1] / np.float32(fall)
    return from_float(wave)


def _dbfs(amplitude: float) -> float:
    if amplitude <= 0.0:
        return FLOOR_DBFS
    return float(20.0 * np.log10(amplitude / _FULL_SCALE))


def _clipped(wave: npt.NDArray[np.floating] | npt.NDArray[np.int32]) -> bytes:
    return np.clip(wave, -32768, 32767).astype(_SAMPLE).tobytes()
