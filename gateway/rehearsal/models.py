"""The embedded assistant's models, loaded once in a process and shared by all its rehearsals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import lru_cache

import numpy as np

from audio.floats import to_float
from audio.pcm import BYTES
from audio.resample import convert
from gateway.embedded.hearing import MoonshineEars
from gateway.embedded.moonshine import Moonshine
from gateway.embedded.parts import EARS_RATE, Mind, Mouth
from gateway.embedded.prepare import load, prepare
from gateway.embedded.server import Assistant
from gateway.embedded.server import serve as serve_embedded
from gateway.embedded.speaking import find_mouth
from gateway.embedded.thinking import find_mind

FRAME = EARS_RATE // 50  # samples of 20 ms
PAUSE = 20  # frames without sound that part two utterances
LOUD = 0.003  # of full scale; what is quieter is a pause
LONGEST = 20 * EARS_RATE  # samples that are recognised at once


@lru_cache(maxsize=1)
def _ears() -> Moonshine:
    return load(prepare())


@lru_cache(maxsize=1)
def _mind() -> Mind:
    return find_mind()


_mouths: list[Mouth] = []  # the one of this process, once it is loaded


async def _mouth() -> Mouth:
    if not _mouths:
        _mouths.append(await find_mouth())
    return _mouths[0]


@asynccontextmanager
async def embedded() -> AsyncIterator[str]:
    """An embedded assistant in the running loop; gives its base_url."""
    ears = MoonshineEars(_ears().transcribe)
    try:
        async with serve_embedded(Assistant(ears, _mind(), await _mouth())) as address:
            yield address.base_url
    finally:
        await ears.close()  # mind and mouth stay, for the next one


def recognise(pcm: bytes, rate: int) -> str:
    """The words in PCM16 mono, utterance by utterance."""
    heard = convert(pcm, rate, EARS_RATE) if rate != EARS_RATE else pcm
    words = (_ears().transcribe(part) for part in _utterances(heard))
    return " ".join(filter(None, words))


def _utterances(pcm: bytes) -> Iterator[bytes]:
    """The stretches of sound, with what pause there is at either end, up to a tenth of a second."""
    wave = to_float(pcm)
    frames = wave[: len(wave) // FRAME * FRAME].reshape(-1, FRAME)
    loud = np.flatnonzero(np.abs(frames).max(axis=1) > LOUD) if len(frames) else np.zeros(0, int)
    if not len(loud):
        return
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > PAUSE) + 1)
    for part in parts:
        start, end = max(0, int(part[0]) - 5) * FRAME, (int(part[-1]) + 6) * FRAME
        for at in range(start, end, LONGEST):
            yield pcm[at * BYTES : min(end, at + LONGEST) * BYTES]
