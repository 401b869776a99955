"""PCM16 as numbers: measuring, mixing, shaping."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio import floats, pcm
from audio.pcm import AudioError
from tests.audio.waves import WAVES, of, values


def test_silence_measures_the_floor() -> None:
    assert floats.rms_dbfs(pcm.silence(480)) == floats.rms_dbfs(b"") == pcm.FLOOR_DBFS


@pytest.mark.parametrize(
    "use",
    [
        floats.rms_dbfs,
        floats.to_float,
        lambda odd: floats.mix(odd, b""),
        lambda odd: floats.mix(b"", odd),
        lambda odd: floats.gain(odd, 1.0),
        lambda odd: floats.fade(odd, 1, 1),
    ],
    ids=range(6),
)
def test_half_a_sample_is_refused_with_what_to_do(use) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(AudioError, match=r"two bytes a sample, but 3 bytes came; keep"):
        use(b"abc")


def test_levels_of_full_scale_waves() -> None:
    square = of(*[32767, -32768] * 100)
    assert floats.rms_dbfs(square) == pytest.approx(0.0, abs=0.001)
    assert pcm.peak_dbfs(square) == 0.0
    sine = floats.from_float(np.sin(np.arange(48000) * 2 * np.pi * 1000 / 48000))
    assert floats.rms_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert pcm.peak_dbfs(of(1)) == pytest.approx(-90.3, abs=0.1)


def test_the_lowest_sample_does_not_wrap_when_it_is_measured_or_turned() -> None:
    assert pcm.peak_dbfs(of(-32768)) == 0.0
    assert values(floats.gain(of(-32768), 6.0)) == [-32768]


@given(WAVES)
def test_to_float_and_back_loses_nothing(wave: bytes) -> None:
    assert floats.from_float(floats.to_float(wave)) == wave


def test_too_loud_numbers_are_clipped_and_never_wrap() -> None:
    wild = np.array([1.0, 1.5, -1.0, -7.0, np.inf, -np.inf, np.nan, 1e30])
    assert values(floats.from_float(wild)) == [
        32767,
        32767,
        -32768,
        -32768,
        32767,
        -32768,
        0,
        32767,
    ]


def test_a_mix_is_as_long_as_the_longer_and_saturates() -> None:
    loud = of(30000, -30000, 5)
    assert values(floats.mix(loud, of(30000, -30000))) == [32767, -32768, 5]
    assert values(floats.mix(of(1), loud)) == [30001, -30000, 5]


@given(WAVES, WAVES)
def test_a_mix_does_not_care_which_comes_first(a: bytes, b: bytes) -> None:
    assert floats.mix(a, b) == floats.mix(b, a)


def test_gain_of_six_decibels_doubles() -> None:
    assert values(floats.gain(of(1000, -1000), 20 * np.log10(2))) == [2000, -2000]
    assert values(floats.gain(of(30000), 20)) == [32767]
    assert floats.gain(of(1, 2), 0.0) == of(1, 2)


def test_a_fade_starts_and_ends_at_zero_and_leaves_the_middle() -> None:
    faded = values(floats.fade(of(*[1000] * 20), 4, 5))
    assert faded[:4] == [0, 250, 500, 750]
    assert faded[4:15] == [1000] * 11
    assert faded[15:] == [800, 600, 400, 200, 0]


@given(WAVES, st.integers(0, 300), st.integers(0, 300))
def test_a_fade_longer_than_the_audio_still_keeps_its_length(
    wave: bytes, rise: int, fall: int
) -> None:
    assert len(floats.fade(wave, rise, fall)) == len(wave)
