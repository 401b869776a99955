"""Where in what was written to the model something was said when."""

from __future__ import annotations

import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.call.plan import FRAME_US, Plan
from gateway.call.written import WrittenMap

PLAN = Plan(rate=8_000)
FRAME = PLAN.samples(FRAME_US)


@settings(max_examples=50)
@given(gaps=st.lists(st.integers(0, 50), max_size=60), place=st.integers(0, 60 * FRAME))
def test_each_sample_was_spoken_within_its_frame(gaps: list[int], place: int) -> None:
    written, now, frames = WrittenMap(PLAN), 0, []
    for gap in gaps:
        now += (gap + 1) * FRAME_US
        written.add(FRAME, now)
        frames.append(now)
    at = written.call_time(place)
    if place < len(frames) * FRAME:
        ends, within = frames[place // FRAME], PLAN.microseconds(place % FRAME)
        assert abs(at - (ends - FRAME_US + within)) <= FRAME_US  # a short gap is none
    elif not frames:
        assert at == 0


def test_of_a_call_that_lasts_the_oldest_gaps_are_forgotten_and_the_rest_is_small() -> None:
    written = WrittenMap(PLAN)
    turns = range(10 * WrittenMap.KEPT)
    for turn in turns:
        written.add(FRAME, (turn + 1) * 1_000_000)
    kept = turns[-WrittenMap.KEPT :]
    assert [written.call_time(turn * FRAME) for turn in kept] == [
        (turn + 1) * 1_000_000 - FRAME_US for turn in kept
    ]
    assert written.call_time(0) == (kept[0] + 1) * 1_000_000 - FRAME_US
    assert sum(map(sys.getsizeof, (written._starts, written._times))) < 20 * WrittenMap.KEPT
