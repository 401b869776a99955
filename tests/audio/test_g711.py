"""G.711 against the standard's own definition: decision values and code words computed here."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest

from audio import g711
from audio.pcm import AudioError

EVERY = np.arange(-32768, 32768, dtype="<i2")
CODES = bytes(range(256))


def ulaw_value(code: int) -> int:
    """Decoder output of mu-law on 16 bits: (2 m + 33) 2^s - 33 on 14, inverted on the wire."""
    word = ~code & 0xFF
    segment, step = word >> 4 & 7, word & 15
    value = ((2 * step + 33) << segment) - 33
    return (-value if word & 0x80 else value) * 4


def alaw_value(code: int) -> int:
    """Decoder output of A-law on 16 bits: middle of its interval on 13, even bits toggled."""
    word = code ^ 0x55
    segment, step = word >> 4 & 7, word & 15
    value = 2 * step + 1 if segment == 0 else (2 * step + 33) << (segment - 1)
    return (value if word & 0x80 else -value) * 8


def ulaw_ceiling(code: int) -> int:
    """Decision value at which the code word of this magnitude gives way to the next, 14 bits."""
    word = ~code & 0x7F
    segment, step = word >> 4, word & 15
    return ((2 * step + 34) << segment) - 33


def alaw_ceiling(code: int) -> int:
    """The same for A-law, 13 bits and a sign: 4096 steps of full scale."""
    word = (code ^ 0x55) & 0x7F
    segment, step = word >> 4, word & 15
    return 2 * step + 2 if segment == 0 else (2 * step + 34) << (segment - 1)


def ints(pcm: bytes) -> list[int]:
    return [int(value) for value in np.frombuffer(pcm, "<i2")]


def test_every_mu_law_code_word_decodes_to_the_standards_value() -> None:
    assert ints(g711.ulaw_decode(CODES)) == [ulaw_value(code) for code in range(256)]


def test_every_a_law_code_word_decodes_to_the_standards_value() -> None:
    assert ints(g711.alaw_decode(CODES)) == [alaw_value(code) for code in range(256)]


def test_every_sample_becomes_the_mu_law_word_whose_interval_holds_it() -> None:
    words = g711.ulaw_encode(EVERY.tobytes())
    ceilings = sorted((ulaw_ceiling(code), code & 0x7F) for code in range(128, 256))
    edges = np.array([edge for edge, _ in ceilings])
    for sample, word in zip(EVERY.tolist(), words, strict=True):
        fourteen = sample >> 2
        magnitude = min(abs(fourteen), 8158)
        index = int(np.searchsorted(edges, magnitude, side="right"))
        assert word & 0x7F == ceilings[index][1], sample
        assert bool(word & 0x80) is (fourteen >= 0), sample


def test_every_sample_becomes_the_a_law_word_whose_interval_holds_it() -> None:
    words = g711.alaw_encode(EVERY.tobytes())
    ceilings = sorted((alaw_ceiling(code), code & 0x7F) for code in range(128, 256))
    edges = np.array([edge for edge, _ in ceilings])
    for sample, word in zip(EVERY.tolist(), words, strict=True):
        thirteen = sample >> 3
        magnitude = thirteen if thirteen >= 0 else -thirteen - 1
        index = int(np.searchsorted(edges, magnitude, side="right"))
        assert word & 0x7F == ceilings[index][1], sample
        assert bool(word & 0x80) is (thirteen >= 0), sample


@pytest.mark.parametrize(
    ("encode", "decode", "same"),
    [
        (g711.ulaw_encode, g711.ulaw_decode, 0x7F),
        (g711.alaw_encode, g711.alaw_decode, None),
    ],
)
def test_a_code_word_survives_the_way_through_pcm(encode, decode, same) -> None:  # type: ignore[no-untyped-def]
    back = encode(decode(CODES))
    changed = [code for code in range(256) if back[code] != code]
    # Mu-law has two words for zero; the negative one comes back as the positive one.
    assert changed == ([same] if same is not None else [])


@pytest.mark.parametrize(
    ("encode", "decode", "finest"),
    [(g711.ulaw_encode, g711.ulaw_decode, 8), (g711.alaw_encode, g711.alaw_decode, 16)],
)
def test_what_comes_back_is_near_in_order_and_settled(encode, decode, finest) -> None:  # type: ignore[no-untyped-def]
    once = decode(encode(EVERY.tobytes()))
    heard = np.frombuffer(once, "<i2").astype(int)
    wave = EVERY.astype(int)
    # Half an interval, which is a thirty-second of the sample, or the finest step.
    assert np.all(np.abs(heard - wave) <= np.maximum(finest, np.abs(wave) // 32 + finest))
    assert np.all(np.diff(heard) >= 0)
    assert decode(encode(once)) == once


def test_silence_is_the_word_that_telephony_expects() -> None:
    assert g711.ulaw_encode(bytes(2)) == g711.ULAW_SILENCE
    assert g711.alaw_encode(bytes(2)) == g711.ALAW_SILENCE
    assert g711.ulaw_decode(g711.ULAW_SILENCE) == bytes(2)
    assert abs(ints(g711.alaw_decode(g711.ALAW_SILENCE))[0]) == 8  # A-law has no zero


def test_nothing_becomes_nothing_and_half_a_sample_is_refused() -> None:
    assert g711.ulaw_encode(b"") == g711.alaw_decode(b"") == b""
    for encode in (g711.ulaw_encode, g711.alaw_encode):
        with pytest.raises(AudioError, match="two bytes a sample"):
            encode(b"abc")


@pytest.mark.filterwarnings("error")
def test_importing_it_warns_of_nothing() -> None:
    for name in ("audioop", "audio.g711"):
        sys.modules.pop(name, None)
    importlib.import_module("audio.g711")
