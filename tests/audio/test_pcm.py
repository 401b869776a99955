"""PCM16: measuring, cutting, mixing, shaping."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio import pcm
from audio.pcm import AudioError, Framer

WAVES = st.lists(st.integers(-32768, 32767), max_size=200).map(
    lambda values: np.array(values, "<i2").tobytes()
)


def of(*values: int) -> bytes:
    return np.array(values, "<i2").tobytes()


def values(wave: bytes) -> list[int]:
    return [int(value) for value in np.frombuffer(wave, "<i2")]


def test_silence_has_two_bytes_a_sample_and_measures_the_floor() -> None:
    quiet = pcm.silence(480)
    assert pcm.samples(quiet) == 480
    assert len(quiet) == 480 * pcm.BYTES
    assert pcm.rms_dbfs(quiet) == pcm.peak_dbfs(quiet) == -120.0
    assert pcm.rms_dbfs(b"") == pcm.peak_dbfs(b"") == -120.0


@pytest.mark.parametrize(
    "use",
    [
        pcm.samples,
        pcm.rms_dbfs,
        pcm.peak_dbfs,
        pcm.to_float,
        lambda odd: pcm.mix(odd, b""),
        lambda odd: pcm.mix(b"", odd),
        lambda odd: pcm.stereo(odd, b""),
        lambda odd: pcm.gain(odd, 1.0),
        lambda odd: pcm.fade(odd, 1, 1),
    ],
)
def test_half_a_sample_is_refused_with_what_to_do(use) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(AudioError, match=r"two bytes a sample, but 3 bytes came; keep"):
        use(b"abc")


def test_levels_of_full_scale_waves() -> None:
    square = of(*[32767, -32768] * 100)
    assert pcm.rms_dbfs(square) == pytest.approx(0.0, abs=0.001)
    assert pcm.peak_dbfs(square) == 0.0
    sine = pcm.from_float(np.sin(np.arange(48000) * 2 * np.pi * 1000 / 48000))
    assert pcm.rms_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert pcm.peak_dbfs(of(1)) == pytest.approx(-90.3, abs=0.1)


def test_the_lowest_sample_does_not_wrap_when_it_is_measured_or_turned() -> None:
    assert pcm.peak_dbfs(of(-32768)) == 0.0
    assert values(pcm.gain(of(-32768), 6.0)) == [-32768]


@given(WAVES)
def test_to_float_and_back_loses_nothing(wave: bytes) -> None:
    assert pcm.from_float(pcm.to_float(wave)) == wave


def test_too_loud_numbers_are_clipped_and_never_wrap() -> None:
    wild = np.array([1.0, 1.5, -1.0, -7.0, np.inf, -np.inf, np.nan, 1e30])
    assert values(pcm.from_float(wild)) == [32767, 32767, -32768, -32768, 32767, -32768, 0, 32767]


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(1, 20))
def test_frames_are_the_stream_whatever_the_pieces(pieces: list[bytes], size: int) -> None:
    framer = Framer(size * 2)
    frames = [frame for piece in pieces for frame in framer.push(piece)]
    assert all(len(frame) == size * 2 for frame in frames)
    assert b"".join(frames) + framer.rest == b"".join(pieces)
    assert len(framer.rest) < size * 2


def test_a_piece_is_taken_even_when_nobody_asks_for_its_frames() -> None:
    framer = Framer(4)
    framer.push(b"abcdef")
    assert framer.rest == b"ef"


def test_a_framer_keeps_its_frame_though_the_callers_buffer_changes() -> None:
    buffer = bytearray(b"abcdef")
    frames = Framer(4).push(buffer)
    buffer[:] = b"xxxxxx"
    assert list(frames) == [b"abcd"]


@pytest.mark.parametrize("size", [0, -2])
def test_a_frame_of_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(AudioError, match="positive number of bytes"):
        Framer(size)


def test_a_mix_is_as_long_as_the_longer_and_saturates() -> None:
    loud = of(30000, -30000, 5)
    assert values(pcm.mix(loud, of(30000, -30000))) == [32767, -32768, 5]
    assert values(pcm.mix(of(1), loud)) == [30001, -30000, 5]


@given(WAVES, WAVES)
def test_a_mix_does_not_care_which_comes_first(a: bytes, b: bytes) -> None:
    assert pcm.mix(a, b) == pcm.mix(b, a)


def test_stereo_interleaves_and_pads_the_shorter() -> None:
    assert values(pcm.stereo(of(1, 2, 3), of(9))) == [1, 9, 2, 0, 3, 0]
    assert values(pcm.stereo(b"", of(9))) == [0, 9]
    assert pcm.stereo(b"", b"") == b""


def test_gain_of_six_decibels_doubles() -> None:
    assert values(pcm.gain(of(1000, -1000), 20 * np.log10(2))) == [2000, -2000]
    assert values(pcm.gain(of(30000), 20)) == [32767]
    assert pcm.gain(of(1, 2), 0.0) == of(1, 2)


def test_a_fade_starts_and_ends_at_zero_and_leaves_the_middle() -> None:
    faded = values(pcm.fade(of(*[1000] * 20), 4, 5))
    assert faded[:4] == [0, 250, 500, 750]
    assert faded[4:15] == [1000] * 11
    assert faded[15:] == [800, 600, 400, 200, 0]


@given(WAVES, st.integers(0, 300), st.integers(0, 300))
def test_a_fade_longer_than_the_audio_still_keeps_its_length(
    wave: bytes, rise: int, fall: int
) -> None:
    assert len(pcm.fade(wave, rise, fall)) == len(wave)
