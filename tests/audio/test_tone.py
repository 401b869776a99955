"""Test tones, keys, noise."""

from __future__ import annotations

import numpy as np
import pytest

from audio import pcm, tone
from audio.pcm import AudioError
from audio.tone import ComfortNoise, chime


def loudest(wave: bytes, rate: int, count: int) -> list[float]:
    """The strongest pitches, each at least 30 Hz from the others."""
    heard = pcm.to_float(wave)
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


def test_white_noise_has_its_level_a_flat_spectrum_and_a_seed() -> None:
    noise = tone.white_noise(2, 16_000, -30, 7)
    assert pcm.rms_dbfs(noise) == pytest.approx(-30, abs=0.1)
    power = np.abs(np.fft.rfft(pcm.to_float(noise))) ** 2
    bands = [band.mean() for band in np.array_split(power, 8)]
    assert max(bands) / min(bands) < 1.2
    assert noise == tone.white_noise(2, 16_000, -30, 7)
    assert noise != tone.white_noise(2, 16_000, -30, 8)


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


def test_comfort_noise_has_its_level_and_falls_with_the_pitch() -> None:
    noise = ComfortNoise(16_000, -50).frame(64_000)
    assert pcm.rms_dbfs(noise) == pytest.approx(-50, abs=0.3)
    power = np.abs(np.fft.rfft(pcm.to_float(noise))) ** 2
    assert power[2_000:4_000].mean() > 20 * power[-8_000:].mean()


def test_a_chime_is_soft_and_begins_and_ends_in_silence() -> None:
    notes = pcm.to_float(chime((440.0, 523.25), 0.2, 8_000, dbfs=-20.0))
    assert len(notes) == 2 * 1_600
    assert np.abs(notes).max() == pytest.approx(0.1, rel=0.05)
    for edge in (0, 1_600, 3_199):
        assert abs(notes[edge]) < 0.002


@pytest.mark.parametrize("dbfs", [-65.0, -75.0])
def test_comfort_noise_is_soft_and_not_dead(dbfs: float) -> None:
    noise = ComfortNoise(8_000, dbfs).frame(32_000)
    assert pcm.rms_dbfs(noise) == pytest.approx(dbfs, abs=1.0)
    assert pcm.peak_dbfs(noise) < dbfs + 18


def test_comfort_noise_goes_on_whatever_the_frames() -> None:
    whole = ComfortNoise(8_000, seed=3).frame(100_000)
    cut = ComfortNoise(8_000, seed=3)
    pieces = b"".join(cut.frame(size) for size in [160] * 500 + [20_000])
    assert pieces == whole
    assert ComfortNoise(8_000, seed=4).frame(160) != whole[:320]
    assert cut.frame(0) == b""


def test_comfort_noise_has_no_seam_where_it_begins_again() -> None:
    noise = pcm.to_float(ComfortNoise(8_000, -40).frame(64_000))
    steps = np.abs(np.diff(noise))
    assert steps[31_990:32_010].max() <= steps.max()
    assert steps[31_999] < 6 * steps.std()
