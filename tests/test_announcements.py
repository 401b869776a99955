"""What the gateway says itself: at the rate of telephones as at its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from audio import wav
from audio.resample import convert
from gateway.announcements import FOLDER

OWN = sorted(path for path in FOLDER.glob("*.wav") if not path.stem.endswith("_8k"))


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_telephones_are_told_the_same_at_their_own_rate(path: Path) -> None:
    kept = path.with_stem(f"{path.stem}_8k")
    assert wav.info(kept).rate == 8_000
    whole = wav.read(path, rate=wav.info(path).rate)
    assert wav.read(kept, rate=8_000) == convert(whole, wav.info(path).rate, 8_000)
