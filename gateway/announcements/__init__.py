"""Announcements: what a caller hears from the gateway itself, recorded in its own voice."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from audio import wav
from audio.convert import encode
from audio.format import Format
from audio.tone import chime

FOLDER = Path(__file__).parent


@lru_cache(maxsize=8)
def still_here(call: Format) -> bytes:
    """Two soft notes, a third of a second: that the line is alive."""
    return encode(chime((440.0, 523.25), 0.16, call.rate), call.encoding)


@lru_cache(maxsize=8)
def one_moment(call: Format, file: str = "") -> bytes:
    """That it goes on in a moment, or what the file says, as a call in that format plays it."""
    path = Path(file) if file else FOLDER / "one_moment.flac"
    return encode(wav.read(path, rate=call.rate), call.encoding)


@lru_cache(maxsize=8)
def assistant_lost(call: Format) -> bytes:
    """That the way to the model is gone, as a call in that format plays it."""
    return encode(wav.read(FOLDER / "assistant_lost.flac", rate=call.rate), call.encoding)


@lru_cache(maxsize=8)
def going_down(call: Format) -> bytes:
    """That this line has to close, as a call in that format plays it."""
    return encode(wav.read(FOLDER / "going_down.flac", rate=call.rate), call.encoding)


@lru_cache(maxsize=8)
def not_that(call: Format) -> bytes:
    """That the gateway cannot help with that, as a call in that format plays it."""
    return encode(wav.read(FOLDER / "not_that.flac", rate=call.rate), call.encoding)


@lru_cache(maxsize=8)
def budget_spent(call: Format, file: str = "") -> bytes:
    """That the call has to end now, in that format; of a sound file of the operator's own."""
    return encode(wav.read(file or FOLDER / "budget_spent.flac", rate=call.rate), call.encoding)


@lru_cache(maxsize=8)
def putting_through(call: Format, file: str = "") -> bytes:
    """That the caller is being put through, in that format; of a file of the operator's own."""
    return encode(wav.read(file or FOLDER / "putting_through.flac", rate=call.rate), call.encoding)
