"""The sound that names an answer is understood through whatever lies between model and caller."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.convert import whole
from audio.floats import from_float, to_float
from audio.format import Format
from gateway.load import signature

ROOM = np.zeros(800, np.float32)


@given(st.integers(0, signature.SESSIONS - 1), st.integers(0, signature.ANSWERS - 1))
@settings(max_examples=30, deadline=None)
def test_every_name_is_read_as_it_was_written(session: int, answer: int) -> None:
    assert signature.read(signature.sign(session, answer, 8_000), 8_000) == (session, answer)


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("off", [-0.008, 0.0, 0.008])
def test_it_survives_g711_resampling_and_a_beginning_that_is_not_exact(
    rate: int, off: float
) -> None:
    pcm = from_float(np.concatenate([ROOM, signature.sign(4711, 42, 24_000), ROOM]))
    there = whole(pcm, Format("pcm16", 24_000), Format("pcmu", 8_000))
    back = whole(there, Format("pcmu", 8_000), Format("pcm16", rate))
    begins = round((len(ROOM) / 24_000 + off) * rate)
    assert signature.read(to_float(back)[begins:], rate) == (4711, 42)


@pytest.mark.parametrize("kind", ["silence", "noise", "short", "another"])
def test_other_sound_names_nothing(kind: str) -> None:
    size = round(signature.SECONDS * 8_000)
    sounds = {
        "silence": np.zeros(size, np.float32),
        "noise": np.random.default_rng(1).standard_normal(size).astype(np.float32) / 5,
        "short": signature.sign(1, 2, 8_000)[: size // 2],
        "another": signature.sign(1, 2, 8_000)[::-1],
    }
    assert signature.read(sounds[kind], 8_000) is None
