"""The sample audio is what samples/README.md says of it."""

from __future__ import annotations

import importlib.util
import re
import tomllib
import wave
from pathlib import Path

import numpy as np
import pytest

SAMPLES = Path(__file__).parents[2] / "samples"
AUDIO = SAMPLES / "audio"
CLIPS = tomllib.loads((AUDIO / "transcripts.toml").read_text("utf-8"))["clip"]


def read(path: Path) -> tuple[int, np.ndarray]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")


def test_every_clip_has_its_words_and_every_entry_its_clip():
    files = {str(path.relative_to(AUDIO)) for path in AUDIO.rglob("*.wav")}
    assert sorted(clip["file"] for clip in CLIPS) == sorted(files)
    assert all(re.fullmatch(r"[a-z ]*", clip["text"]) for clip in CLIPS)


def test_all_the_clips_together_stay_under_three_megabytes():
    assert sum(path.stat().st_size for path in AUDIO.rglob("*.wav")) < 3_000_000


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip["file"])
def test_a_clip_is_sound_at_the_rate_of_its_folder(clip):
    rate, pcm = read(AUDIO / clip["file"])
    assert rate == {"human": 16_000, "commands": 24_000}[Path(clip["file"]).parts[0]]
    assert 0.4 < len(pcm) / rate < 8
    assert np.abs(pcm.astype(int)).max() > 6000


@pytest.mark.parametrize("path", sorted((AUDIO / "commands").glob("*.wav")), ids=lambda p: p.stem)
def test_a_command_has_a_quiet_room_at_both_ends(path):
    rate, pcm = read(path)
    margin = int(0.1 * rate)
    for end in (pcm[:margin], pcm[-margin:]):
        assert 0 < np.abs(end.astype(int)).max() < 100


@pytest.mark.models
def test_the_script_that_makes_the_commands_makes_these():
    spec = importlib.util.spec_from_file_location("make_commands", SAMPLES / "make_commands.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    voice = maker.Hibari()
    made = {name: maker.spoken(voice, text) for name, text in maker.COMMANDS.items()}
    made["cough"] = maker.cough()
    assert set(made) == {path.stem for path in (AUDIO / "commands").glob("*.wav")}
    for name, sound in made.items():
        _, pcm = read(AUDIO / "commands" / f"{name}.wav")
        assert len(pcm) == len(sound)
        assert np.abs(pcm / 32767 - sound).max() < 0.01  # processors round differently
