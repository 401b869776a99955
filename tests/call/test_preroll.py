"""The pre-roll: the end of what came, whatever pieces it came in, and when each was spoken."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.call.preroll import PreRoll

MOST = 100  # bytes


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 250), min_size=1, max_size=20))
def test_it_is_the_end_of_what_came_and_each_piece_keeps_its_time(sizes: list[int]) -> None:
    kept, whole, ends = PreRoll(MOST), b"", []
    for size in sizes:
        whole += bytes(len(whole) + n & 255 for n in range(size))
        ends.append(len(whole))
        kept.add((whole[-size:], len(whole)))
    pieces = kept.take()
    assert b"".join(pcm for pcm, _ in pieces) == whole[-MOST:]
    assert [until for _, until in pieces] == ends[-len(pieces) :]
    assert kept.take() == []


def test_what_is_too_old_is_let_go() -> None:
    kept = PreRoll(MOST)
    for n in range(1_000):
        kept.add((bytes(30), n))
    assert len(kept._pieces) == 4


def test_of_a_dead_line_nothing_is_kept() -> None:
    kept = PreRoll(MOST)
    kept.add((bytes(250), 1))
    kept.clear()
    kept.add((bytes(10), 2))
    assert kept.take() == [(bytes(10), 2)]
