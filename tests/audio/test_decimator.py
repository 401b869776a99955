"""The decimator: what of a tone is left, that blocks make no seams, and that it judges as well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio import wav
from audio.decimator import Decimator
from audio.floats import to_float
from audio.pcm import AudioError
from audio.tone import sine
from audio.vad import WebrtcDetector

HUMAN = Path(__file__).parents[2] / "samples/audio/human"


def in_blocks(factor: int, pcm: bytes) -> bytes:
    """As a call gives it: 20 ms at a time."""
    decimator, size = Decimator(factor), 160 * factor * 2
    return b"".join(decimator.push(pcm[at : at + size]) for at in range(0, len(pcm), size))


@pytest.mark.parametrize(("hz", "least", "most"), [(400, -1, 1), (3000, -1, 1), (5500, -120, -40)])
@pytest.mark.parametrize("factor", [3, 6])
def test_what_lies_in_the_lower_band_passes_and_nothing_above_it(
    factor: int, hz: int, least: float, most: float
) -> None:
    pcm = sine(hz, 1.0, 8_000 * factor)
    before, after = (to_float(one)[200:] for one in (pcm, in_blocks(factor, pcm)))
    assert len(in_blocks(factor, pcm)) * factor == len(pcm)
    level = 20 * np.log10(np.std(after) / np.std(before) + 1e-6)
    assert least < level < most


def test_it_does_not_matter_how_long_blocks_are() -> None:
    pcm = wav.read(HUMAN / "cards_001.wav", rate=24_000)
    pcm = pcm[: len(pcm) // 960 * 960]
    apart = np.frombuffer(in_blocks(3, pcm), "<i2").astype(int)
    at_once = np.frombuffer(Decimator(3).push(pcm), "<i2")
    assert np.abs(apart - at_once).max() <= 1  # sums of floats, in another order


def test_the_loudest_sound_does_not_turn_over() -> None:
    square = np.repeat(np.array([32767, -32768] * 40, "<i2"), 24).tobytes()
    out = np.frombuffer(in_blocks(3, square), "<i2")
    assert out.max() == 32767
    assert out.min() == -32768


def test_a_block_that_is_no_multiple_of_its_rows_is_refused() -> None:
    with pytest.raises(AudioError, match="multiple of 24 samples, and 100 came"):
        Decimator(3).push(bytes(200))


@pytest.mark.parametrize("rate", [24_000, 48_000])
def test_a_detector_hears_at_any_rate_what_it_hears_at_8_khz(rate: int) -> None:
    path = HUMAN / "cards_001.wav"
    said = []
    for hz in (8_000, rate):
        detector, pcm = WebrtcDetector(hz), wav.read(path, rate=hz)
        size = hz // 50 * 2
        frames = [pcm[at : at + size] for at in range(0, len(pcm) - size + 1, size)]
        said.append([detector.voiced(frame) for frame in frames])
    agreed = [one == other for one, other in zip(*said, strict=False)]
    assert sum(agreed) > 0.93 * len(agreed)
