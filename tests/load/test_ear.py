"""A caller's ear knows which answer it hears, since when, and that it was cut."""

from __future__ import annotations

import pytest

from audio.format import Format
from gateway.load.ear import Ear
from gateway.load.notes import Heard
from gateway.load.script import Script, sound

TELEPHONE = Format("pcmu", 8_000)
FRAME = 160


def pieces(session: int = 7, answer: int = 3) -> list[bytes]:
    """An answer of a second, in frames of 20 ms."""
    from base64 import b64decode

    made = sound(TELEPHONE, Script(answer=1.0))
    whole = b"".join(map(b64decode, [*made.opening(session, answer), *made.body]))
    return [whole[at : at + FRAME] for at in range(0, len(whole), FRAME)]


@pytest.fixture
def told() -> list[Heard]:
    return []


@pytest.fixture
def ear(told: list[Heard]) -> Ear:
    return Ear(1, TELEPHONE, 1.0, told.append)


def play(ear: Ear, frames: list[bytes], now: float = 5.0) -> float:
    for frame in frames:
        ear.sound(now, frame)
        now += 0.02
    return now


def test_an_answer_is_known_by_its_name_and_its_samples_by_when_they_came(
    ear: Ear, told: list[Heard]
) -> None:
    play(ear, [TELEPHONE.silence(FRAME)] * 3 + pieces())
    (heard,) = told
    assert (heard.session, heard.answer, heard.cut) == (7, 3, 0.0)
    assert heard.places[0][0] == pytest.approx(5.06)
    assert heard.places[-1][1] == pytest.approx(8_000, rel=0.02)


def test_what_is_taken_back_was_cut(ear: Ear, told: list[Heard]) -> None:
    now = play(ear, pieces()[:25])
    ear.interrupted(now)
    ear.cleared(now + 0.15)
    (heard,) = told
    assert (heard.interrupted, heard.cut) == (now, now + 0.15)
    assert not ear.listening


def test_sound_that_stops_before_its_end_was_cut_when_it_stopped(
    ear: Ear, told: list[Heard]
) -> None:
    now = play(ear, pieces()[:25])
    play(ear, [TELEPHONE.silence(FRAME)] * 6, now)
    assert told[0].cut == pytest.approx(now - 0.02)


def test_a_hole_in_the_middle_is_counted_as_time_that_passed(ear: Ear, told: list[Heard]) -> None:
    frames = pieces()
    play(ear, [*frames[:20], *[TELEPHONE.silence(FRAME)] * 3, *frames[23:]])
    assert told[0].places[-1][1] == pytest.approx(8_000, rel=0.02)


def test_an_answer_that_stalls_is_over_after_a_while(ear: Ear, told: list[Heard]) -> None:
    now = play(ear, pieces()[:25])
    ear.tick(now + 1.0)
    assert not told
    ear.tick(now + 2.1)
    assert told[0].places[-1][1] == pytest.approx(4_000, abs=10)
