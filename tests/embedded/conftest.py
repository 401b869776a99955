"""Shared by the embedded assistant's tests: the prepared model, and samples of human speech."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile

from gateway.embedded.moonshine import Moonshine
from gateway.embedded.prepare import default_cache, load, prepare

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples" / "audio"


@dataclass(frozen=True, slots=True)
class Clip:
    """Somebody says something: PCM16 at 16 kHz, and the words."""

    pcm: bytes
    text: str


@pytest.fixture(scope="session")
def models_cache() -> Path:
    """Where the model is prepared, by `trunkline prepare` or by the first test that needs it."""
    prepare()
    return default_cache()


@pytest.fixture(scope="session")
def moonshine(models_cache: Path) -> Moonshine:
    return load(prepare(cache=models_cache))


@pytest.fixture(scope="session")
def clip() -> Callable[[str], Clip]:
    """A human sample by its name."""
    listed = tomllib.loads((SAMPLES / "transcripts.toml").read_text())["clip"]
    texts = {entry["file"]: entry["text"] for entry in listed}

    def read(name: str) -> Clip:
        file = f"human/{name}.wav"
        samples, rate = soundfile.read(SAMPLES / file, dtype="int16")
        assert rate == 16_000
        return Clip(samples.tobytes(), texts[file])

    return read
