"""Pace: audio comes as fast as time passes, a little faster, and all at once up to a limit."""

from __future__ import annotations

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.pace import AHEAD_US, Pace
from tests.call.story import Story

FRAME = 20_000
HOUR = 3_600_000_000


def test_a_caller_in_time_is_never_refused() -> None:
    pace = Pace()
    assert all(pace.take(FRAME, now) for now in range(0, HOUR, FRAME))


def test_a_clock_that_is_a_little_fast_is_in_time() -> None:
    pace = Pace()
    assert all(pace.take(FRAME, now) for now in range(0, HOUR, FRAME * 24 // 25))


def test_what_a_stalled_network_held_back_may_come_at_once() -> None:
    pace = Pace()
    pace.take(FRAME, 0)
    assert all(pace.take(FRAME, 8_000_000) for _ in range(400))
    assert all(pace.take(FRAME, 60_000_000) for _ in range(AHEAD_US // FRAME))
    assert not pace.take(FRAME, 60_000_000)


def test_ten_times_as_fast_is_cut_to_what_time_allows() -> None:
    pace = Pace()
    taken = sum(pace.take(FRAME, now) for now in range(0, 100_000_000, FRAME // 10)) * FRAME
    assert taken <= AHEAD_US + 105_000_000
    assert taken >= 100_000_000


def test_time_that_goes_back_gives_nothing() -> None:
    pace = Pace()
    assert pace.take(AHEAD_US, 1_000_000)
    assert not pace.take(FRAME, 0)
    assert not pace.take(2 * FRAME, 1_000_000 + FRAME)
    assert pace.take(FRAME, 1_000_000 + FRAME)


def test_the_caller_is_told_of_audio_that_was_refused() -> None:
    story = Story()
    story.feed(on.AudioRefused())
    assert [notice.code for notice in story.all(do.ShowNotice)] == ["audio_too_fast"]
