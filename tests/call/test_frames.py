"""Sound that goes out in whole frames: nothing but an item's end is shorter."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.call.plan import Plan, PlaybackPolicy
from gateway.call.playback import Playback

FRAME = 480  # samples of 20 ms
PLAN = Plan(playback=PlaybackPolicy(lead=600_000, grain=200_000, frame=20_000))


def sizes(playback: Playback, now: int = 0) -> list[int]:
    return [len(play.pcm) // 2 for play in playback.release(now)]


def test_what_is_less_than_a_frame_waits_for_more_of_its_item() -> None:
    playback = Playback(PLAN)
    playback.add("a", "r", b"\1\0" * (FRAME + 100))
    assert sizes(playback) == [FRAME]
    assert sizes(playback) == []
    playback.add("a", "r", b"\1\0" * (FRAME - 100))
    assert sizes(playback) == [FRAME]


def test_an_items_end_goes_out_as_it_is() -> None:
    playback = Playback(PLAN)
    playback.add("a", "r", b"\1\0" * (FRAME + 100))
    playback.end_item("a")
    assert sizes(playback) == [FRAME + 100]
    assert playback.finished(10_000_000) == ["a"]


def test_an_item_that_another_follows_has_ended() -> None:
    playback = Playback(PLAN)
    playback.add("a", "r", b"\1\0" * 100)
    assert sizes(playback) == []
    playback.add("b", "r", b"\1\0" * FRAME)
    assert sizes(playback) == [100, FRAME]


def test_what_is_held_back_is_not_waited_for() -> None:
    playback = Playback(PLAN)
    playback.add("a", "r", b"\1\0" * (FRAME + 100))
    sizes(playback)
    assert playback.deadline == 20_000  # when all that was sent has been played


def test_a_frame_longer_than_the_grain_is_the_grain() -> None:
    policy = replace(PLAN.playback, grain=20_000, frame=200_000)
    playback = Playback(replace(PLAN, playback=policy))
    playback.add("a", "r", b"\1\0" * FRAME * 100)
    assert sizes(playback) == [FRAME * 30]
    assert playback.deadline == 200_000
    assert sizes(playback, 199_000) == []
    assert sizes(playback, 200_000) == [FRAME * 10]


@settings(deadline=None)
@given(st.lists(st.integers(1, 3_000), max_size=30), st.integers(1, 60_000))
def test_every_sample_goes_out_once_and_in_whole_frames(pieces: list[int], step: int) -> None:
    playback, out, now = Playback(PLAN), [], 0
    for piece in pieces:
        playback.add("a", "r", b"\1\0" * piece)
        out += sizes(playback, now)
        now += step
    assert not [size for size in out if size % FRAME]
    playback.end_item("a")
    while any(track.waiting for track in playback._tracks.values()):
        out += sizes(playback, now)
        now += step
    assert sum(out) == sum(pieces)
