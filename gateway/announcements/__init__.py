"""Announcements: what a caller hears from the gateway itself, recorded in its own voice."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from audio import wav

FOLDER = Path(__file__).parent


@lru_cache(maxsize=8)
def assistant_lost(rate: int) -> bytes:
    """That the way to the model is gone: PCM16 mono at that rate."""
    return wav.read(FOLDER / "assistant_lost.flac", rate=rate)
