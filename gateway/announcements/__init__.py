"""Announcements: what a caller hears from the gateway itself, recorded in its own voice.

Its own recordings are plain WAV, at the rate of telephones too, so that a gateway needs nothing to
read them which its calls do not.
"""

from __future__ import annotations

import wave
from functools import lru_cache
from pathlib import Path

from audio.convert import encode, whole
from audio.format import Format, pcm16
from audio.tone import chime

FOLDER = Path(__file__).parent


@lru_cache(maxsize=8)
def still_here(call: Format) -> bytes:
    """Two soft notes, a third of a second: that the line is alive."""
    return encode(chime((440.0, 523.25), 0.16, call.rate), call.encoding)


@lru_cache(maxsize=8)
def one_moment(call: Format, file: str = "") -> bytes:
    """That it goes on in a moment, or what the file says, as a call in that format plays it."""
    return _theirs(file, call) if file else _ours("one_moment", call)


@lru_cache(maxsize=8)
def assistant_lost(call: Format) -> bytes:
    """That the way to the model is gone, as a call in that format plays it."""
    return _ours("assistant_lost", call)


@lru_cache(maxsize=8)
def going_down(call: Format) -> bytes:
    """That this line has to close, as a call in that format plays it."""
    return _ours("going_down", call)


@lru_cache(maxsize=8)
def not_that(call: Format) -> bytes:
    """That the gateway cannot help with that, as a call in that format plays it."""
    return _ours("not_that", call)


@lru_cache(maxsize=8)
def budget_spent(call: Format, file: str = "") -> bytes:
    """That the call has to end now, in that format; of a sound file of the operator's own."""
    return _theirs(file, call) if file else _ours("budget_spent", call)


@lru_cache(maxsize=8)
def putting_through(call: Format, file: str = "") -> bytes:
    """That the caller is being put through, in that format; of a file of the operator's own."""
    return _theirs(file, call) if file else _ours("putting_through", call)


def _ours(name: str, call: Format) -> bytes:
    """A recording of this folder."""
    kept = f"{name}_8k.wav" if call.rate == 8_000 else f"{name}.wav"
    with wave.open(str(FOLDER / kept)) as file:
        sound, source = file.readframes(file.getnframes()), pcm16(file.getframerate())
    return whole(sound, source, call)


def _theirs(path: str, call: Format) -> bytes:
    """Of any kind that there is. Raises AudioError."""
    from audio import wav  # its libraries take memory, and few operators have sounds of their own

    return encode(wav.read(path, rate=call.rate), call.encoding)
