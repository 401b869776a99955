"""Resampling: what passes, what is kept out, how long it waits; cutting changes nothing."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio import floats, pcm
from audio.pcm import AudioError
from audio.resample import Resampler, convert

RATES = (8_000, 16_000, 24_000, 44_100, 48_000)
PAIRS = list(itertools.permutations(RATES, 2))
LEVEL = 16_000.0


def tone(hz: float, rate: int, seconds: float = 0.5) -> bytes:
    wave = LEVEL * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)
    return np.rint(wave).astype("<i2").tobytes()


def spectrum(wave: bytes, rate: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Frequencies, and amplitudes in dB against LEVEL; the window's side lobes are below -100."""
    heard = np.frombuffer(wave, "<i2").astype(np.float64)
    window = np.kaiser(heard.size, 14)
    amplitude = np.abs(np.fft.rfft(heard * window)) * 2 / window.sum() / LEVEL
    frequencies = np.fft.rfftfreq(heard.size, 1 / rate).astype(np.float64)
    return frequencies, 20 * np.log10(amplitude + 1e-9)


def settled(hz: float, source: int, target: int) -> bytes:
    """A quarter second out of the middle of a converted tone."""
    out = Resampler(source, target).push(tone(hz, source))
    return out[target // 50 * 2 : (target // 50 + target // 4) * 2]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_tones_of_the_pass_band_keep_their_level_and_have_no_images(
    source: int, target: int
) -> None:
    lower = min(source, target)
    # 300 to 3400 Hz of telephony at 8 kHz, and the same share of every other rate.
    for hz in np.linspace(300, lower * 0.425, 7):
        out = settled(float(hz), source, target)
        assert floats.rms_dbfs(out) == pytest.approx(20 * np.log10(LEVEL / 32768) - 3.01, abs=0.1)
        frequencies, levels = spectrum(out, target)
        assert levels[np.abs(frequencies - hz) > 60].max() < -60, hz


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_tones_up_to_nine_tenths_of_half_the_lower_rate_have_no_images(
    source: int, target: int
) -> None:
    hz = min(source, target) * 0.45
    frequencies, levels = spectrum(settled(hz, source, target), target)
    assert levels[np.abs(frequencies - hz) > 60].max() < -60
    assert levels.max() > -1


@pytest.mark.parametrize(
    ("source", "target"), [(high, low) for high, low in PAIRS if high > low * 1.12]
)
def test_tones_beyond_the_transition_band_leave_no_alias(source: int, target: int) -> None:
    for hz in np.linspace(target * 0.55, source * 0.49, 9):
        _, levels = spectrum(settled(float(hz), source, target), target)
        assert levels.max() < -60, hz


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_it_holds_back_three_milliseconds_at_most_and_never_bursts(
    source: int, target: int
) -> None:
    resampler = Resampler(source, target)
    assert 0 < resampler.delay <= 0.003
    frame = tone(440, source, 0.02)
    given = 0
    for count in range(1, 60):
        piece = pcm.samples(resampler.push(frame))
        given += piece
        if count > 1:
            assert abs(piece - target / 50) <= 1
        behind = count / 50 - given / target
        assert resampler.delay - 1 / target - 1e-9 <= behind <= resampler.delay + 1e-9


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_what_comes_out_lies_where_it_lay(source: int, target: int) -> None:
    """A tone does not move in time: the delay is waiting, not shifting."""
    resampler = Resampler(source, target)
    out = resampler.push(tone(1000, source)) + resampler.flush()
    want = np.frombuffer(tone(1000, target), "<i2").astype(int)
    assert pcm.samples(out) == want.size
    middle = slice(target // 50, -target // 50)
    assert np.abs(np.frombuffer(out, "<i2").astype(int) - want)[middle].max() < LEVEL * 0.002


NOISE = np.random.default_rng(1).integers(-32768, 32768, 2_000, dtype="<i2").tobytes()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PAIRS), st.lists(st.integers(0, 700), min_size=1, max_size=12))
def test_it_does_not_matter_how_the_stream_was_cut(pair: tuple[int, int], cuts: list[int]) -> None:
    whole = Resampler(*pair)
    expected = whole.push(NOISE) + whole.flush()
    pieces = Resampler(*pair)
    edges = [0, *sorted(min(sum(cuts[: i + 1]), 2_000) for i in range(len(cuts))), 2_000]
    out = b"".join(pieces.push(NOISE[a * 2 : b * 2]) for a, b in itertools.pairwise(edges))
    assert out + pieces.flush() == expected
    assert len(expected) == -(-2_000 * pair[1] // pair[0]) * 2


def test_a_minute_at_once_is_the_same_as_sample_by_sample_at_its_start() -> None:
    minute = NOISE * 480
    at_once = Resampler(16_000, 24_000).push(minute)
    singly = Resampler(16_000, 24_000)
    start = b"".join(singly.push(NOISE[at : at + 2]) for at in range(0, len(NOISE), 2))
    assert at_once.startswith(start)
    assert pcm.samples(at_once) == pytest.approx(60 * 24_000, abs=40)


def test_after_a_flush_it_is_as_new() -> None:
    resampler = Resampler(8_000, 24_000)
    first = resampler.push(NOISE) + resampler.flush()
    assert resampler.push(NOISE) + resampler.flush() == first
    assert resampler.flush() == b""


def test_it_clips_and_never_wraps() -> None:
    square = np.repeat(np.array([32767, -32768] * 200, "<i2"), 7).tobytes()
    out = np.frombuffer(Resampler(8_000, 24_000).push(square), "<i2")
    middle = out.reshape(-1)[300:-300]
    assert middle.max() == 32767
    assert middle.min() == -32768
    steps = np.abs(np.diff(middle.astype(int)))
    assert steps.max() < 50_000  # a wrap would jump by 65536


@pytest.mark.parametrize("value", [32767, -32768, 1, -1, 12345])
def test_a_constant_stays_what_it_was(value: int) -> None:
    for pair in PAIRS:
        out = Resampler(*pair).push(np.full(2_000, value, "<i2").tobytes())
        reach = round(pair[1] * 0.003) + 2
        assert set(np.frombuffer(out, "<i2")[reach:].tolist()) == {value}


def test_equal_rates_pass_untouched() -> None:
    same = Resampler(24_000, 24_000)
    assert same.push(NOISE) is NOISE
    assert same.flush() == b""
    assert same.delay == 0.0


def test_half_a_sample_and_impossible_rates_are_refused() -> None:
    with pytest.raises(AudioError, match="two bytes a sample"):
        Resampler(8_000, 8_000).push(b"abc")
    for bad in (0, -8_000, 10_000_000, 8_000.5):
        with pytest.raises(AudioError, match="whole number of Hz"):
            Resampler(bad, 8_000)  # type: ignore[arg-type]
    with pytest.raises(AudioError, match=r"ratio 44101:47999 .*customary"):
        Resampler(47_999, 44_101)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_whole_recording_is_converted_in_place_and_cleanly(source: int, target: int) -> None:
    out = convert(tone(1000, source), source, target)
    assert pcm.samples(out) == pytest.approx(target / 2, abs=1)
    frequencies, levels = spectrum(out[target // 10 : -target // 10 // 2 * 2], target)
    assert levels[np.abs(frequencies - 1000) > 60].max() < -85
    assert convert(out, target, target) is out
    assert convert(b"", source, target) == b""
