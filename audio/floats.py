"""PCM16 as numbers: measuring, mixing and shaping it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audio.pcm import FLOOR_DBFS, FULL_SCALE, dbfs, samples

_SAMPLE = np.dtype("<i2")


def to_float(pcm: bytes) -> npt.NDArray[np.float32]:
    """The samples as numbers from -1 up to, not including, 1."""
    samples(pcm)
    return np.frombuffer(pcm, _SAMPLE).astype(np.float32) / np.float32(FULL_SCALE)


def from_float(wave: npt.NDArray[np.floating]) -> bytes:
    """Numbers from -1 to 1 as PCM16; what lies beyond is clipped, what is no number is silence."""
    scaled = np.nan_to_num(np.asarray(wave) * FULL_SCALE, nan=0.0)
    return _clipped(np.rint(scaled))


def rms_dbfs(pcm: bytes) -> float:
    """Mean level, where a full-scale square wave is 0 and digital silence FLOOR_DBFS."""
    if not samples(pcm):
        return FLOOR_DBFS
    wave = np.frombuffer(pcm, _SAMPLE).astype(np.float32)
    return dbfs(float(np.sqrt(np.dot(wave, wave) / wave.size)))


def mix(a: bytes, b: bytes) -> bytes:
    """Both at once, as long as the longer; too loud a sum is clipped."""
    longer, shorter = (a, b) if samples(a) >= samples(b) else (b, a)
    total = np.frombuffer(longer, _SAMPLE).astype(np.int32)
    total[: samples(shorter)] += np.frombuffer(shorter, _SAMPLE)
    return _clipped(total)


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


def _clipped(wave: npt.NDArray[np.floating] | npt.NDArray[np.int32]) -> bytes:
    return np.clip(wave, -32768, 32767).astype(_SAMPLE).tobytes()
