"""The ledger of what was received, sent and heard, item by item."""

from __future__ import annotations

import pytest

from gateway.call.plan import Plan, PlaybackPolicy
from gateway.call.playback import Playback

SLICE = b"\x01" * 1_600  # 200 ms
PLAN = Plan(rate=8_000, encoding="pcmu", playback=PlaybackPolicy(lead=600_000, grain=200_000))


def test_what_is_played_after_a_gap_is_not_heard_before_it_sounds() -> None:
    playback = Playback(PLAN)
    for at in (0, 1_000_000):
        playback.add("one", "r", SLICE)
        assert list(playback.release(at))
    assert playback.heard("one", 1_000_000) == 1_600
    assert playback.heard("one", 1_100_000) == 2_400


def test_sound_behind_sound_that_waits_changes_nothing() -> None:
    playback = Playback(PLAN)
    steady = []
    for _ in range(6):
        playback.add("one", "r", SLICE)
        steady.append(playback.steady)
        list(playback.release(0))
    assert steady == [False, False, False, False, True, True]


def test_only_a_report_from_within_what_was_sent_changes_nothing() -> None:
    playback = Playback(PLAN)
    playback.source = "reported"
    playback.add("one", "r", SLICE * 4)
    list(playback.release(0))
    steady = []
    for samples in (0, 800, 4_800):  # before the first nobody knew that reports come
        playback.report("one", samples, 0, 1_000)
        steady.append(playback.steady)
    assert steady == [False, True, False]


def test_a_report_of_the_last_sound_moves_its_end() -> None:
    playback = Playback(PLAN)
    playback.source = "reported"
    playback.add("one", "r", SLICE)
    list(playback.release(0))
    ends = []
    for at in (0, 100_000, 150_000):  # half of it is heard late, and then later still
        playback.report("one", 800 if at else 0, 0, at)
        ends.append(playback.deadline)
        assert not playback.steady
    assert ends == [200_000, 200_000, 250_000]


def test_words_to_what_is_being_heard_change_nothing() -> None:
    playback = Playback(PLAN)
    steady = []
    for item_id in ("one", "one", "two"):
        playback.add(item_id, "r", b"")
        steady.append(playback.steady)
        playback.add("one", "r", SLICE)
        list(playback.release(0))
    assert steady == [False, True, False]


def test_each_item_is_over_at_a_time_of_its_own() -> None:
    playback = Playback(PLAN)
    for item in ("one", "two"):
        playback.add(item, "r", SLICE)
        playback.end_item(item)
    list(playback.release(0))
    assert playback.deadline == 200_000
    assert playback.finished(200_000) == ["one"]
    assert list(playback.release(200_000)) == []
    assert playback.deadline == 400_000


def test_an_item_that_may_go_on_does_not_hide_the_end_of_the_next() -> None:
    playback = Playback(PLAN)
    for item in ("one", "two"):
        playback.add(item, "r", SLICE)
    list(playback.release(0))
    list(playback.release(200_000))
    assert playback.deadline == 400_000


@pytest.mark.parametrize("samples", [None, 0, 800])
def test_what_reports_promise_is_heard_to_its_end_when_its_time_has_passed(
    samples: int | None,
) -> None:
    playback = Playback(PLAN)
    playback.source = "reported"
    playback.add("one", "r", SLICE * 3)
    playback.end_item("one")
    list(playback.release(0))
    if samples is not None:
        playback.report("one", samples, 0, 300_000)
    due = playback.deadline
    assert due == {None: 1_000_000, 0: 900_000, 800: 800_000}[samples]
    assert playback.finished(due - 1) == []
    assert playback.finished(due) == ["one"]


def test_items_that_nobody_reported_are_heard_one_after_the_other() -> None:
    playback = Playback(PLAN)
    playback.source = "reported"
    playback.add("one", "r", SLICE)
    list(playback.release(0))
    playback.report("one", 0, 0, 100_000)  # from now on all is heard 100 ms later
    for item in ("two", "three"):
        playback.add(item, "r", SLICE)
    playback.end_response("r")
    list(playback.release(100_000))
    for item, over in (("one", 300_000), ("two", 500_000), ("three", 700_000)):
        assert playback.deadline == over
        assert playback.finished(over) == [item]
        list(playback.release(over))
