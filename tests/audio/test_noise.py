"""Noise: its level, its colour, its seed."""

from __future__ import annotations

import numpy as np
import pytest

from audio import floats, pcm
from audio.noise import ComfortNoise, white_noise


def test_white_noise_has_its_level_a_flat_spectrum_and_a_seed() -> None:
    noise = white_noise(2, 16_000, -30, 7)
    assert floats.rms_dbfs(noise) == pytest.approx(-30, abs=0.1)
    power = np.abs(np.fft.rfft(floats.to_float(noise))) ** 2
    bands = [band.mean() for band in np.array_split(power, 8)]
    assert max(bands) / min(bands) < 1.2
    assert noise == white_noise(2, 16_000, -30, 7)
    assert noise != white_noise(2, 16_000, -30, 8)


def test_comfort_noise_has_its_level_and_falls_with_the_pitch() -> None:
    noise = ComfortNoise(16_000, -50).frame(64_000)
    assert floats.rms_dbfs(noise) == pytest.approx(-50, abs=0.3)
    power = np.abs(np.fft.rfft(floats.to_float(noise))) ** 2
    assert power[2_000:4_000].mean() > 20 * power[-8_000:].mean()


@pytest.mark.parametrize("dbfs", [-65.0, -75.0])
def test_comfort_noise_is_soft_and_not_dead(dbfs: float) -> None:
    noise = ComfortNoise(8_000, dbfs).frame(32_000)
    assert floats.rms_dbfs(noise) == pytest.approx(dbfs, abs=1.0)
    assert pcm.peak_dbfs(noise) < dbfs + 18


def test_comfort_noise_goes_on_whatever_the_frames() -> None:
    whole = ComfortNoise(8_000, seed=3).frame(100_000)
    cut = ComfortNoise(8_000, seed=3)
    pieces = b"".join(cut.frame(size) for size in [160] * 500 + [20_000])
    assert pieces == whole
    assert ComfortNoise(8_000, seed=4).frame(160) != whole[:320]
    assert cut.frame(0) == b""


def test_comfort_noise_has_no_seam_where_it_begins_again() -> None:
    noise = floats.to_float(ComfortNoise(8_000, -40).frame(64_000))
    steps = np.abs(np.diff(noise))
    assert steps[31_990:32_010].max() <= steps.max()
    assert steps[31_999] < 6 * steps.std()
