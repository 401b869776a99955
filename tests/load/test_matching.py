"""A piece of sound is found on both sides of a gateway, with how late it was and what was lost."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from audio.convert import whole
from audio.floats import from_float
from audio.format import pcm16
from gateway.load import clips
from gateway.load.matching import Wave, downward, upward
from gateway.load.notes import Answered, Heard, Place, Spoken, Turn

CLIP = Path(__file__).parents[2] / "samples" / "audio" / "human" / "something.wav"
BEGAN, LATE = 100.0, 0.007
FRAME = 160


@pytest.fixture(scope="module")
def clip() -> Wave:
    return clips.probe([CLIP])[0]


def spoken(clip: Wave) -> Spoken:
    return Spoken(1, 0, [BEGAN + 0.02 * number for number in range(len(clip) // FRAME)])


def turn(clip: Wave, rate: int = 8_000, lost: int = 0) -> Turn:
    """The clip behind 200 ms of pre-roll, of which 300 ms came at once; some frames are lost."""
    quiet, after = 10, 15
    frames = [*[np.zeros(FRAME, np.float32)] * quiet, *clip.reshape(-1, FRAME)]
    when = [BEGAN + 0.02 * (number - quiet) + LATE for number in range(len(frames))]
    opened = when[after]
    hole = range(40, 40 + lost)
    kept = [number for number in range(len(frames)) if number not in hole]
    sizes = itertools.count(rate // 50, rate // 50)
    places: list[Place] = [(max(opened, when[n]), next(sizes)) for n in kept]
    pcm = from_float(np.concatenate([frames[number] for number in kept]))
    audio = whole(pcm, pcm16(8_000), pcm16(rate))
    return Turn(1, rate, places, audio, ended=when[-1])


@pytest.mark.parametrize("rate", [8_000, 24_000])
def test_each_frame_that_is_spoken_while_the_line_is_open_is_timed(clip: Wave, rate: int) -> None:
    found = upward(turn(clip, rate), spoken(clip), clip, first=5)
    assert found is not None
    assert len(found.late) == pytest.approx(len(clip) // FRAME - 5, abs=2)
    assert found.late == pytest.approx([LATE] * len(found.late), abs=1e-6)
    assert found.lost == 0.0


def test_frames_that_are_missing_are_counted_as_lost_sound(clip: Wave) -> None:
    found = upward(turn(clip, lost=4), spoken(clip), clip, first=5)
    assert found is not None
    assert found.lost == pytest.approx(0.08, abs=0.005)


def test_another_sound_is_not_taken_for_the_clip(clip: Wave) -> None:
    other = turn(np.random.default_rng(1).standard_normal(len(clip)).astype(np.float32) / 8)
    assert upward(other, spoken(clip), clip, first=5) is None


def answered(whole: bool = True) -> Answered:
    return Answered(1, 0, 24_000, [(50 + 0.1 * n, 2_400 * (n + 1)) for n in range(10)], whole)


def heard(count: int = 50, cut: float = 0.0) -> Heard:
    places = [(50 + 0.02 * n + 0.003, 160 * (n + 1)) for n in range(count)]
    return Heard(1, 1, 0, 8_000, places, 49.0, cut)


def test_each_delta_is_timed_by_its_first_sample() -> None:
    found = downward(answered(), heard())
    assert found.late == pytest.approx([0.003] * 10, abs=1e-6)
    assert found.lost == 0.0


def test_the_end_of_an_answer_that_never_came_is_lost_sound() -> None:
    assert downward(answered(), heard(count=40)).lost == pytest.approx(0.2)


def test_what_was_taken_back_is_not_lost() -> None:
    found = downward(answered(whole=False), heard(count=20, cut=50.4))
    assert found.lost == 0.0
    assert len(found.late) == 4
