"""Recorded speech, as the samples ship it."""

from __future__ import annotations

from pathlib import Path

import pytest

from audio import wav

HUMAN = Path(__file__).parents[2] / "samples" / "audio" / "human"


@pytest.fixture(scope="session")
def clips() -> list[Path]:
    found = sorted(HUMAN.glob("sense_and_sensibility_*.wav"))
    assert found, f"the recorded speech is missing from {HUMAN}"
    return found


@pytest.fixture(scope="session")
def speech(clips: list[Path]) -> bytes:
    """Some twenty seconds of reading, at 16 kHz."""
    return b"".join(wav.read(clip, rate=16_000) for clip in clips)
