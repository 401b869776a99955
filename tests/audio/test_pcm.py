"""PCM16: measuring, cutting, joining."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio import pcm
from audio.pcm import AudioError, Framer
from tests.audio.waves import of, values


def test_silence_has_two_bytes_a_sample_and_measures_the_floor() -> None:
    quiet = pcm.silence(480)
    assert pcm.samples(quiet) == 480
    assert len(quiet) == 480 * pcm.BYTES
    assert pcm.peak_dbfs(quiet) == pcm.peak_dbfs(b"") == -120.0


@pytest.mark.parametrize(
    "use", [pcm.samples, pcm.peak_dbfs, lambda odd: pcm.stereo(odd, b"")], ids=range(3)
)
def test_half_a_sample_is_refused_with_what_to_do(use) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(AudioError, match=r"two bytes a sample, but 3 bytes came; keep"):
        use(b"abc")


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


def test_stereo_interleaves_and_pads_the_shorter() -> None:
    assert values(pcm.stereo(of(1, 2, 3), of(9))) == [1, 9, 2, 0, 3, 0]
    assert values(pcm.stereo(b"", of(9))) == [0, 9]
    assert pcm.stereo(b"", b"") == b""
