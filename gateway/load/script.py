"""Script: what the model of a load test does, and the sound of its answers, made once for all."""

from __future__ import annotations

from binascii import b2a_base64
from dataclasses import dataclass
from functools import cache

import msgspec
import numpy as np

from audio.convert import encode
from audio.floats import from_float
from audio.format import Encoding, Format
from gateway.load import signature

ENCODINGS: dict[str, Encoding] = {"audio/pcm": "pcm16", "audio/pcmu": "pcmu", "audio/pcma": "pcma"}


class Script(msgspec.Struct, frozen=True):
    """What the model does. Times in seconds."""

    answer: float = 2.0  # how long an answer is
    think: float = 0.0  # from the end of a turn to the first delta
    delta: float = 0.1  # of sound in each message
    speed: float = 1.0  # times as fast as it is heard; 0: all at once
    looked_at: int = 4  # of so many turns of a session, the audio of the first is kept


@dataclass(frozen=True, slots=True)
class Sound:
    """The deltas of answers in one format, as base64."""

    form: Format
    samples: int  # in each delta
    signed: int  # deltas at the beginning that each answer has of its own
    body: tuple[bytes, ...]  # those behind it, the same in every answer

    def opening(self, session: int, answer: int) -> list[bytes]:
        """The deltas that name the answer."""
        rate = self.form.rate
        wave = np.concatenate([signature.sign(session, answer, rate), _vowel(rate)])
        size = self.samples * self.form.width
        data = encode(from_float(wave[: self.signed * self.samples]), self.form.encoding)
        return [_base64(data[at : at + size]) for at in range(0, len(data), size)]


@cache
def sound(form: Format, script: Script) -> Sound:
    """The answers of this script in that format; each holds its signature and never a silence."""
    samples = round(script.delta * form.rate)
    signed = -(-round(signature.SECONDS * form.rate) // samples)
    count = max(signed, round(script.answer / script.delta))
    data = encode(from_float(np.resize(_vowel(form.rate), samples)), form.encoding)
    body = (_base64(data),) * (count - signed)
    return Sound(form, samples, signed, body)


@cache
def _vowel(rate: int) -> signature.Wave:
    """A second of a hum like a voice's: whole periods, so that it goes on without a seam."""
    times = np.arange(rate) / rate
    parts = ((120, 0.10), (240, 0.08), (360, 0.05), (720, 0.05), (1080, 0.04), (2400, 0.02))
    return sum(level * np.sin(2 * np.pi * hz * times) for hz, level in parts).astype(np.float32)  # type: ignore[union-attr]


def _base64(data: bytes) -> bytes:
    return b2a_base64(data, newline=False)
