"""Test tones and telephone keys."""

from __future__ import annotations

import numpy as np
import pytest

from audio import floats, pcm, tone
from audio.pcm import AudioError
from audio.tone import chime


def loudest(wave: bytes, rate: int, count: int) -> list[float]:
    """The strongest pitches, each at least 30 Hz from the others."""
    heard = floats.to_float(wave)
    levels = np.abs(np.fft.rfft(heard * np.hanning(heard.size)))
    pitches = np.fft.rfftfreq(heard.size, 1 / rate)
    found: list[float] = []
    while len(found) < count:
        found.append(float(pitches[levels.argmax()]))
        levels[np.abs(pitches - found[-1]) < 30] = 0
    return sorted(found)


def test_a_sine_has_its_pitch_length_and_peak() -> None:
    wave = tone.sine(1000, 0.5, 24_000, -6)
    assert pcm.samples(wave) == 12_000
    assert loudest(wave, 24_000, 1) == pytest.approx([1000], abs=2)
    assert pcm.peak_dbfs(wave) == pytest.approx(-6, abs=0.05)


@pytest.mark.parametrize(
    ("key", "pitches"),
    [("1", [697, 1209]), ("5", [770, 1336]), ("#", [941, 1477]), ("0", [941, 1336])],
)
def test_a_key_is_two_pitches(key: str, pitches: list[float]) -> None:
    assert loudest(tone.dtmf(key, 0.5, 8_000), 8_000, 2) == pytest.approx(pitches, abs=3)


def test_the_sixteen_keys_all_differ_and_letters_may_be_small() -> None:
    keys = {tone.dtmf(key, 0.05, 8_000) for key in "0123456789*#ABCD"}
    assert len(keys) == 16
    assert tone.dtmf("d", 0.05, 8_000) == tone.dtmf("D", 0.05, 8_000)


@pytest.mark.parametrize("key", ["", "E", "12", "é"])
def test_a_key_that_no_telephone_has_is_refused(key: str) -> None:
    with pytest.raises(AudioError, match="has the keys"):
        tone.dtmf(key, 0.1, 8_000)


@pytest.mark.parametrize(("start", "end"), [(200, 3200), (3200, 200)])
def test_a_sweep_runs_from_one_pitch_to_the_other(start: float, end: float) -> None:
    wave = tone.sweep(start, end, 4, 8_000)
    assert loudest(wave[:1600], 8_000, 1) == pytest.approx([start], rel=0.1)
    assert loudest(wave[-1600:], 8_000, 1) == pytest.approx([end], rel=0.1)
    middle = len(wave) // 4 * 2
    assert loudest(wave[middle - 800 : middle + 800], 8_000, 1) == pytest.approx([800], rel=0.1)


def test_a_sweep_that_stays_is_a_tone_and_one_from_nothing_is_refused() -> None:
    assert tone.sweep(500, 500, 0.1, 8_000) == tone.sine(500, 0.1, 8_000)
    assert tone.sweep(500, 600, 0, 8_000) == b""
    with pytest.raises(AudioError, match="positive pitches"):
        tone.sweep(0, 500, 1, 8_000)


def test_a_chime_is_soft_and_begins_and_ends_in_silence() -> None:
    notes = floats.to_float(chime((440.0, 523.25), 0.2, 8_000, dbfs=-20.0))
    assert len(notes) == 2 * 1_600
    assert np.abs(notes).max() == pytest.approx(0.1, rel=0.05)
    for edge in (0, 1_600, 3_199):
        assert abs(notes[edge]) < 0.002
