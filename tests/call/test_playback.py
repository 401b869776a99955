"""The ledger of what was received, sent and heard, item by item."""

from __future__ import annotations

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
    playback.add("one", "r", SLICE)
    list(playback.release(0))
    steady = []
    for samples in (0, 800, 1_600):  # before the first nobody knew that reports come
        playback.report("one", samples, 0, 1_000)
        steady.append(playback.steady)
    assert steady == [False, True, False]


def test_words_to_what_is_being_heard_change_nothing() -> None:
    playback = Playback(PLAN)
    steady = []
    for item_id in ("one", "one", "two"):
        playback.add(item_id, "r", b"")
        steady.append(playback.steady)
        playback.add("one", "r", SLICE)
        list(playback.release(0))
    assert steady == [False, True, False]
