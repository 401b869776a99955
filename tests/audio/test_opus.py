"""Opus by libopus: at the rate of a call, with what was lost filled in."""

from __future__ import annotations

import numpy as np
import pytest

from audio.floats import rms_dbfs
from audio.opus import RATES, OpusDecoder, OpusEncoder
from audio.pcm import AudioError
from audio.tone import sine


def frames(pcm: bytes, rate: int) -> list[bytes]:
    size = rate // 50 * 2
    return [pcm[at : at + size] for at in range(0, len(pcm) - size + 1, size)]


def packets(pcm: bytes, rate: int, loss: int = 0) -> list[bytes]:
    encoder = OpusEncoder(rate)
    encoder.expect_loss(loss)
    return [encoder.encode(frame) for frame in frames(pcm, rate)]


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_comes_back_at_each_rate(rate: int) -> None:
    decoder = OpusDecoder(rate)
    back = b"".join(map(decoder.decode, packets(sine(440, 0.5, rate), rate)))
    assert len(back) == rate
    wave = np.frombuffer(back[rate // 2 :], "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(wave.size)))
    assert abs(spectrum.argmax() * rate / wave.size - 440) < 5


def test_what_one_side_encodes_at_48_khz_the_other_hears_at_24() -> None:
    decoder = OpusDecoder(24_000)
    back = b"".join(map(decoder.decode, packets(sine(440, 0.5, 48_000), 48_000)))
    assert len(back) == 24_000
    assert rms_dbfs(back[12_000:]) == pytest.approx(rms_dbfs(sine(440, 0.2, 48_000)), abs=1)


def test_a_lost_packet_is_taken_from_the_copy_in_the_next() -> None:
    spoken = packets(sine(200, 0.4, 24_000), 24_000, loss=20)
    decoder = OpusDecoder(24_000)
    for packet in spoken[:10]:
        last = decoder.decode(packet)
    assert rms_dbfs(decoder.recover(spoken[11], 480)) == pytest.approx(rms_dbfs(last), abs=2)


def test_a_guess_goes_on_from_what_was_heard_and_dies_away() -> None:
    decoder = OpusDecoder(24_000)
    for packet in packets(sine(200, 0.4, 24_000), 24_000):
        last = decoder.decode(packet)
    guesses = [rms_dbfs(decoder.conceal(480)) for _ in range(10)]
    assert guesses[0] > rms_dbfs(last) - 6
    assert guesses[-1] < guesses[0] - 12


def test_silence_costs_next_to_nothing() -> None:
    assert max(map(len, packets(bytes(24_000), 24_000)[1:])) <= 3
    sparing = OpusEncoder(24_000, dtx=True)
    assert len([sparing.encode(bytes(960)) for _ in range(40)][-1]) <= 2


def test_what_is_no_opus_is_refused_and_harms_nothing() -> None:
    decoder = OpusDecoder(24_000)
    for wrong in (b"", b"\xff\xff\xff", b"\x7f"):
        with pytest.raises(AudioError):
            decoder.decode(wrong)
    with pytest.raises(AudioError, match="20 ms"):
        OpusEncoder(24_000).encode(bytes(100))
    with pytest.raises(AudioError, match="44100"):
        OpusDecoder(44_100)
    assert len(decoder.decode(packets(sine(200, 0.1, 24_000), 24_000)[0])) == 960
