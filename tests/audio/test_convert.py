"""From one format to another: what is equal is left alone, what differs is changed once."""

from __future__ import annotations

import numpy as np
import pytest

from audio.convert import Converter, decode, encode
from audio.format import SILENCE, WIDTHS, Encoding, Format, pcm16
from audio.pcm import AudioError
from audio.tone import sine

ENCODINGS: list[Encoding] = ["pcm16", "pcm16be", "pcmu", "pcma"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_silence_is_silent_in_every_encoding(encoding: Encoding) -> None:
    heard = np.frombuffer(decode(SILENCE[encoding] * 160, encoding), "<i2")
    assert len(heard) == 160
    assert np.abs(heard).max() <= 8  # A-law has no word for zero


@pytest.mark.parametrize("encoding", ["pcmu", "pcma"])
def test_every_code_word_of_g711_but_negative_zero_comes_back_as_it_went(
    encoding: Encoding,
) -> None:
    words = bytes(range(256))
    back = encode(decode(words, encoding), encoding)
    assert [word for word in words if back[word] != word] in ([], [0x7F])


def test_big_endian_samples_are_swapped_both_ways() -> None:
    assert decode(b"\x01\x02", "pcm16be") == b"\x02\x01"
    assert encode(b"\x02\x01", "pcm16be") == b"\x01\x02"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_stream_that_changes_nothing_is_passed_on_untouched(encoding: Encoding) -> None:
    same = Format(encoding, 8_000)
    piece = b"\x55" * 320
    converter = Converter(same, same)
    assert converter.push(piece) is piece
    assert converter.flush() == b""


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_tone_survives_the_way_to_24_khz_and_back(encoding: Encoding) -> None:
    narrow, wide = Format(encoding, 8_000), pcm16(24_000)
    inward, outward = Converter(narrow, wide), Converter(wide, narrow)
    tone = sine(440, 1.0, 8_000)
    heard = inward.push(encode(tone, encoding)) + inward.flush()
    back = decode(outward.push(heard) + outward.flush(), encoding)
    first, last = (np.frombuffer(one, "<i2").astype(float)[800:7200] for one in (tone, back))
    assert len(back) == len(tone)
    noise = np.sqrt(np.mean((first - last) ** 2) / np.mean(first**2))
    assert noise < (0.05 if WIDTHS[encoding] == 1 else 0.01)


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(AudioError, match="two bytes a sample"):
        decode(b"\x00", "pcm16be")
