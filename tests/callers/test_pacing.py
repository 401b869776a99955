"""Pacing: exactly one frame a period, what was heard of an item, and a timer that is late."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.format import pcm16
from gateway.call.effects import Play
from gateway.call.events import CallerPlayed
from gateway.callers.pacing import REPORT_EVERY, Metronome, Player, Punctuality

FORM = pcm16(8_000)
FRAME = 160  # samples


def player(*pieces: tuple[str, int, int]) -> Player:
    """One for which pieces wait: an item, where in it they begin, how many samples."""
    made = Player(FORM)
    for item, position, samples in pieces:
        made.add(Play(item, b"\1\0" * samples, position, 3))
    return made


def test_silence_is_taken_where_nothing_waits_and_nothing_is_told_of_it() -> None:
    assert player().take() == (bytes(320), [])


def test_speech_is_taken_in_whole_frames_across_its_pieces() -> None:
    made = player(("a", 0, 100), ("a", 100, 220), ("a", 320, 40))
    assert [made.take()[0] for _ in range(4)] == [
        b"\1\0" * 160,
        b"\1\0" * 160,
        b"\1\0" * 40 + bytes(240),
        bytes(320),
    ]


def test_it_is_told_where_an_item_begins_and_ends_and_now_and_then_between() -> None:
    made = player(("a", 0, 12 * FRAME + 40))
    told = [made.take()[1] for _ in range(15)]
    half = FRAME // 2  # of a frame that was written counts as heard
    assert told[0] == [CallerPlayed("a", half, 3)]
    assert told[5] == [CallerPlayed("a", 5 * FRAME + half, 3)]
    assert told[10] == [CallerPlayed("a", 10 * FRAME + half, 3)]
    assert told[13] == [CallerPlayed("a", 12 * FRAME + 40, 3)]
    assert [at for at, one in enumerate(told) if one] == [0, 5, 10, 13]


def test_an_item_that_begins_in_mid_frame_ends_the_one_before() -> None:
    made = player(("a", 0, 200), ("b", 0, 400))
    made.take()
    assert made.take()[1] == [CallerPlayed("a", 200, 3), CallerPlayed("b", 80, 3)]


def test_after_a_gap_it_is_told_where_the_item_goes_on() -> None:
    made = player(("a", 0, FRAME))
    made.take()
    assert made.take()[1] == [CallerPlayed("a", FRAME, 3)]
    made.add(Play("a", b"\1\0" * 320, FRAME, 3))
    assert made.take()[1] == [CallerPlayed("a", FRAME + 80, 3)]


def test_a_flush_takes_back_all_that_waits_and_tells_nothing_more_of_it() -> None:
    made = player(("a", 0, 800))
    made.take()
    assert made.waiting == 1280
    made.flush()
    assert (made.waiting, made.take()) == (0, (bytes(320), []))


@given(st.lists(st.integers(0, 700), max_size=12))
def test_whatever_the_pieces_each_frame_is_whole_and_nothing_is_lost(lengths: list[int]) -> None:
    made, position, taken = Player(FORM), 0, b""
    for samples in lengths:
        made.add(Play("a", b"\1\0" * samples, position, 0))
        position += samples
    heard: list[CallerPlayed] = []
    for _ in range(-(-position // FRAME) + 1):
        frame, told = made.take()
        assert len(frame) == 320
        taken += frame
        heard += told
    assert taken.rstrip(b"\0") == (b"\1\0" * position).rstrip(b"\0")
    assert [one.samples for one in heard] == sorted(one.samples for one in heard)
    assert len(heard) <= position // FRAME // REPORT_EVERY + 3
    if position:
        assert heard[-1].samples == position


class Line:
    """Notes when it was told, and how many periods had passed."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.told: list[tuple[float, int]] = []

    def beat(self, number: int) -> None:
        self.told.append((round(self.loop.time(), 6), number))


@pytest.mark.virtual_clock
async def test_each_line_is_told_once_a_period_from_a_fixed_beginning() -> None:
    metronome = Metronome()
    first, second = Line(), Line()
    metronome.join(first.beat)
    await asyncio.sleep(0.05)
    metronome.join(second.beat)
    await asyncio.sleep(599.951)
    metronome.leave(first.beat)
    metronome.leave(second.beat)
    assert len(first.told) == 30_000
    assert [number for _, number in first.told] == list(range(1, 30_001))
    assert all(abs(at - number * 0.02) < 1e-5 for at, number in first.told)
    assert second.told == first.told[2:]
    assert metronome.statistics() == Punctuality(30_000, 0, 0.0)


@pytest.mark.virtual_clock
async def test_a_late_timer_skips_no_period_and_adds_no_delay() -> None:
    metronome = Metronome()
    line = Line()
    loop = asyncio.get_running_loop()
    metronome.join(line.beat)
    await asyncio.sleep(0.101)
    loop._virtual.now += 0.0755  # type: ignore[attr-defined]  # something kept the loop busy
    await asyncio.sleep(0.1)
    metronome.leave(line.beat)
    numbers = [number for _, number in line.told]
    assert numbers == [1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13]
    assert line.told[6][0] == pytest.approx(9 * 0.02)
    assert metronome.statistics().late == 1
    assert metronome.statistics().latest == pytest.approx(0.0565, abs=0.001)


@pytest.mark.virtual_clock
async def test_without_lines_there_is_no_timer_and_a_new_line_begins_anew() -> None:
    metronome = Metronome()
    line = Line()
    metronome.join(line.beat)
    await asyncio.sleep(0.041)
    metronome.leave(line.beat)
    await asyncio.sleep(10)
    assert len(line.told) == 2
    metronome.join(line.beat)
    await asyncio.sleep(0.021)
    metronome.leave(line.beat)
    metronome.leave(line.beat)
    assert line.told[-1][1] == 1
