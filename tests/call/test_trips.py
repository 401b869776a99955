"""Reports that travel: an interruption is cut where the caller stops hearing, not where it was."""

from __future__ import annotations

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import Plan, PlaybackPolicy
from gateway.call.playback import LONGEST_TRIP_US, Playback
from tests.call.story import Story

MS = 1_000
RATE = 8  # samples a millisecond
PLAN = Plan(rate=8_000, playback=PlaybackPolicy(lead=600_000, grain=200_000))


def playing(source: str = "reported") -> Playback:
    """Two seconds of an item, the first of which are sent at 0."""
    playback = Playback(PLAN)
    playback.source = "reported" if source == "reported" else "paced"
    assert playback.add("a", "r", bytes(2 * 2_000 * RATE))
    assert list(playback.release(0))
    return playback


def heard(playback: Playback, now: int) -> int:
    """Milliseconds, to the end of which the caller hears where all is stopped now."""
    (cut,) = playback.cut(now * MS)
    return cut.heard // RATE


def test_the_way_there_and_back_is_timed_by_the_first_report() -> None:
    playback = playing()
    playback.report("a", 0, 0, 80 * MS)  # said 40 ms ago, when the sound had come
    # Stopped at 300 ms, which is there at 340 ms: the sound that came at 40 ms has played 300 ms.
    assert heard(playback, 300) == 300


def test_a_later_report_leads_and_the_trip_is_added() -> None:
    playback = playing()
    playback.report("a", 0, 0, 80 * MS)
    playback.report("a", 200 * RATE, 0, 330 * MS)  # it stuttered: 50 ms late
    assert heard(playback, 350) == 200 + 20 + 80


def test_a_report_of_something_heard_times_nothing() -> None:
    playback = playing()
    playback.report("a", 100 * RATE, 0, 180 * MS)
    assert heard(playback, 200) == 120


def test_what_is_no_network_is_not_counted_on() -> None:
    playback = playing()
    playback.report("a", 0, 0, 590 * MS)
    assert heard(playback, 595) == 5 + LONGEST_TRIP_US // MS


def test_nothing_is_added_where_nothing_is_reported() -> None:
    assert heard(playing("paced"), 250) == 250


def test_an_item_is_not_over_before_that_is_reported() -> None:
    playback = playing()
    playback.report("a", 0, 0, 80 * MS)
    for now in range(0, 2_000, 20):
        list(playback.release(now * MS))
    playback.end_item("a")
    assert playback.finished(2_000 * MS) == []
    assert playback.finished(2_080 * MS) == ["a"]


def test_who_speaks_while_the_last_sound_is_on_its_way_has_heard_all_and_it_is_written_down() -> (
    None
):
    story = Story(reports=True)
    story.answers(1000, "One two three.")
    story.wait(200)
    for heard in range(0, 800, 100):  # what is heard is said 200 ms later
        story.feed(on.CallerPlayed("item_a", heard * 24, 0))
        story.wait(100)
    story.speaks(200)
    assert story.all(do.Flush)
    line = story.lines()["item_a"]
    assert (line.text, line.final, line.cut) == ("One two three.", True, False)
    assert not story.all(do.Truncate)


def test_where_reports_were_promised_and_none_comes_the_pace_is_what_is_known() -> None:
    early, late = playing(), playing()
    assert heard(early, 500) == 0  # one may still come
    for now in range(0, 1_500, 20):
        list(late.release(now * MS))
    (cut,) = late.cut(1_500 * MS)
    assert (cut.heard // RATE, cut.source) == (1_500, "paced")


def test_without_any_report_what_was_heard_before_a_pause_stays_heard() -> None:
    playback = playing()
    for now in (*range(0, 2_000, 20), 3_000):
        list(playback.release(now * MS))
    playback.add("a", "r", bytes(2 * 500 * RATE))
    list(playback.release(3_000 * MS))
    assert heard(playback, 3_100) == 2_100


def test_one_report_is_enough_to_go_on_waiting_for_them() -> None:
    playback = playing()
    playback.report("a", 0, 0, 0)
    for now in range(0, 1_500, 20):
        list(playback.release(now * MS))
    assert playback.cut(1_500 * MS)[0].source == "reported"
