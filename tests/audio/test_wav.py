"""Sound files in every shape, and the disk that fills up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio import floats, pcm, tone, wav
from audio.noise import white_noise
from audio.pcm import AudioError
from audio.wav import Recorder

ROOT = Path(__file__).parents[2]


def test_what_was_written_is_read_bit_for_bit(tmp_path: Path) -> None:
    noise = white_noise(1, 24_000, -6, 1)
    wav.write(tmp_path / "a.wav", noise, 24_000)
    assert wav.read(tmp_path / "a.wav", rate=24_000) == noise
    assert wav.read(str(tmp_path / "a.wav"), rate=24_000) == noise


def test_info_says_what_the_file_is(tmp_path: Path) -> None:
    wav.write(tmp_path / "a.wav", pcm.silence(9_600), 48_000, channels=2)
    info = wav.info(tmp_path / "a.wav")
    assert (info.rate, info.channels, info.frames, info.seconds) == (48_000, 2, 4_800, 0.1)
    assert (info.format, info.subtype) == ("WAV", "PCM_16")


@pytest.mark.parametrize("source", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("target", [8_000, 24_000])
def test_any_rate_is_brought_to_the_one_that_is_wanted(
    source: int, target: int, tmp_path: Path
) -> None:
    wav.write(tmp_path / "a.wav", tone.sine(1000, 2, source), source)
    heard = wav.read(tmp_path / "a.wav", rate=target)
    assert pcm.samples(heard) == pytest.approx(2 * target, abs=2)
    want = floats.to_float(tone.sine(1000, 2, target))[target // 4 : target]
    assert np.abs(floats.to_float(heard)[target // 4 : target] - want).max() < 0.001


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_U8"),
        ("a.wav", "PCM_24"),
        ("a.wav", "PCM_32"),
        ("a.wav", "FLOAT"),
        ("a.wav", "DOUBLE"),
        ("a.wav", "ULAW"),
        ("a.wav", "ALAW"),
        ("a.flac", "PCM_24"),
        ("a.ogg", "VORBIS"),
        ("a.mp3", "MPEG_LAYER_III"),
        ("a.aiff", "PCM_16"),
    ],
)
def test_any_depth_and_coding_is_read(name: str, subtype: str, tmp_path: Path) -> None:
    wave = floats.to_float(tone.sine(440, 1, 24_000))
    soundfile.write(tmp_path / name, wave, 24_000, subtype=subtype)
    heard = wav.read(tmp_path / name, rate=24_000)
    assert floats.rms_dbfs(heard) == pytest.approx(-15, abs=0.5)


def test_nothing_is_missing_where_one_piece_of_a_long_mp3_ends_and_the_next_begins(
    tmp_path: Path,
) -> None:
    soundfile.write(tmp_path / "a.mp3", floats.to_float(tone.sine(440, 9, 24_000)), 24_000)
    heard = wav.read(tmp_path / "a.mp3", rate=24_000)
    levels = [floats.rms_dbfs(frame) for frame in pcm.Framer(960).push(heard)][5:-5]
    assert levels == pytest.approx([-15] * len(levels), abs=0.5)


@pytest.mark.parametrize("channels", [2, 3, 6])
def test_channels_are_averaged(channels: int, tmp_path: Path) -> None:
    frames = np.zeros((1_000, channels), "<i2")
    frames[:, 0] = 6_000
    wav.write(tmp_path / "a.wav", frames.tobytes(), 16_000, channels)
    heard = np.frombuffer(wav.read(tmp_path / "a.wav", rate=16_000), "<i2")
    assert heard.tolist() == [6_000 // channels] * 1_000


def test_floats_that_are_too_loud_or_no_numbers_do_not_wrap(tmp_path: Path) -> None:
    wild = np.array([3.0, -3.0, np.nan, np.inf, 0.5], np.float32)
    soundfile.write(tmp_path / "a.wav", wild, 8_000, subtype="FLOAT")
    heard = np.frombuffer(wav.read(tmp_path / "a.wav", rate=8_000), "<i2")
    assert heard.tolist() == [32767, -32768, 0, 32767, 16384]


def test_a_file_longer_than_allowed_is_refused_before_it_is_read(tmp_path: Path) -> None:
    wav.write(tmp_path / "a.wav", pcm.silence(8_000 * 11), 8_000)
    with pytest.raises(AudioError, match=r"a\.wav lasts 11 s, and at most 10 s are taken; cut it"):
        wav.read(tmp_path / "a.wav", rate=8_000, longest=10)
    assert wav.read(tmp_path / "a.wav", rate=8_000, longest=11)


def test_a_file_that_is_none_is_named_with_what_to_do(tmp_path: Path) -> None:
    cases = {
        "missing.wav": (None, "does not exist; name a sound file, such as a WAV"),
        "nothing.wav": (b"", "is empty, 0 bytes"),
        "text.wav": (b"not sound at all " * 99, "is not a sound file that can be read"),
        "bytes.raw": (bytes(1_000), "is not a sound file that can be read"),
        "half.wav": (b"RIFF\x00\x10\x00\x00WAVEfmt ", "is not a sound file that can be read"),
    }
    for name, (content, message) in cases.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        for use in (lambda path: wav.read(path, rate=8_000), wav.info):
            with pytest.raises(AudioError, match=rf"{name} {message}"):
                use(tmp_path / name)


def test_a_header_without_sound_is_refused(tmp_path: Path) -> None:
    wav.write(tmp_path / "a.wav", b"", 8_000)
    with pytest.raises(AudioError, match="without sound"):
        wav.read(tmp_path / "a.wav", rate=8_000)


def test_a_file_too_short_for_the_wanted_rate_is_refused(tmp_path: Path) -> None:
    wav.write(tmp_path / "a.wav", pcm.silence(1), 48_000)
    with pytest.raises(AudioError, match="too short to hold one sample at 8000 Hz"):
        wav.read(tmp_path / "a.wav", rate=8_000)


def test_a_folder_and_a_device_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(AudioError, match="folder or device"):
            wav.read(path, rate=8_000)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    wav.write(tmp_path / "a.wav", pcm.silence(10), 8_000)
    (tmp_path / "a.wav").chmod(0)
    with pytest.raises(AudioError, match=r"cannot be read: Permission denied"):
        wav.read(tmp_path / "a.wav", rate=8_000)


def test_a_wav_cut_off_in_the_middle_gives_what_is_there(tmp_path: Path) -> None:
    noise = white_noise(1, 8_000, -6, 1)
    wav.write(tmp_path / "a.wav", noise, 8_000)
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[: len(whole) // 2])
    heard = wav.read(tmp_path / "a.wav", rate=8_000)
    assert noise.startswith(heard)
    assert len(heard) > len(noise) * 0.45


def test_a_flac_cut_off_in_the_middle_is_broken(tmp_path: Path) -> None:
    noise = white_noise(5, 8_000, -6, 1)
    soundfile.write(tmp_path / "a.flac", floats.to_float(noise), 8_000, subtype="PCM_16")
    whole = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AudioError, match=r"a\.flac is broken or cut off"):
        wav.read(tmp_path / "a.flac", rate=8_000)


def test_the_recorder_writes_as_it_goes_and_counts(tmp_path: Path) -> None:
    caller, assistant = tone.sine(440, 1, 8_000), tone.sine(880, 1, 8_000)
    with Recorder(tmp_path / "call.wav", 8_000) as recorder:
        for at in range(0, len(caller), 320):
            recorder.write(pcm.stereo(caller[at : at + 320], assistant[at : at + 320]))
        assert recorder.samples == 8_000
        assert (tmp_path / "call.wav").stat().st_size >= 32_000
    both, _ = soundfile.read(tmp_path / "call.wav", dtype="int16")
    assert both[:, 0].astype("<i2").tobytes() == caller
    assert both[:, 1].astype("<i2").tobytes() == assistant
    recorder.close()


def test_the_recorder_refuses_half_a_sample_and_goes_on(tmp_path: Path) -> None:
    with Recorder(tmp_path / "call.wav", 8_000, channels=2) as recorder:
        with pytest.raises(AudioError, match=r"2 channel\(s\) has 4 bytes, but 6 bytes came"):
            recorder.write(bytes(6))
        recorder.write(bytes(8))
    assert wav.info(tmp_path / "call.wav").frames == 2


def test_a_recorder_that_was_closed_says_so(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav", 8_000)
    recorder.close()
    with pytest.raises(AudioError, match=r"call\.wav is closed"):
        recorder.write(bytes(4))


@pytest.mark.parametrize("path", ["/dev/full", "/nowhere/call.wav"])
def test_a_place_that_takes_nothing_is_an_error_with_its_path(path: str) -> None:
    with pytest.raises(AudioError, match=rf"{path} cannot be .*; see that"):
        wav.write(path, pcm.silence(8_000), 8_000)


FILL = """
import resource, sys
from audio import pcm, wav
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
recorder = wav.Recorder(sys.argv[1], 24_000)
try:
    for count in range(100):
        recorder.write(bytes(9_600))
except pcm.AudioError as error:
    recorder.close()
    print(count, recorder.samples, error)
"""


def test_a_disk_that_fills_up_is_told_at_once_and_what_fits_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FILL, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"5 12000 {path} cannot be written"), done.stdout
    assert "the disk has room" in done.stdout
    assert done.stderr == ""
    assert pcm.samples(wav.read(path, rate=24_000)) >= 12_000


def test_recorded_speech_is_read_at_any_rate(clips: list[Path]) -> None:
    at_16 = wav.read(clips[0], rate=16_000)
    at_8 = wav.read(clips[0], rate=8_000)
    assert pcm.samples(at_16) == pytest.approx(2 * pcm.samples(at_8), abs=2)
    assert floats.rms_dbfs(at_8) == pytest.approx(floats.rms_dbfs(at_16), abs=1)
