"""Stories of packets that come late, twice, in disorder or not at all."""

from __future__ import annotations

import random

import pytest

from gateway.callers.webrtc.jitter import HUSH, JitterBuffer, Lost, Quiet, Sound

FRAME = 960
MS = 1_000


class Story:
    """A stream of packets of 20 ms, numbered from 0, whose times are milliseconds."""

    def __init__(self, sequence: int = 100, timestamp: int = 5_000) -> None:
        self.buffer = JitterBuffer()
        self._sequence, self._timestamp = sequence, timestamp

    def arrive(self, number: int, at: int, *, later: int = 0, size: int = 40) -> list[object]:
        """A packet comes; `later` milliseconds were silent before it. What is heard then."""
        self.buffer.push(
            (self._sequence + number) % 2**16,
            (self._timestamp + number * FRAME + later * 48) % 2**32,
            FRAME,
            number.to_bytes(size, "big"),
            at * MS,
        )
        return self.hear(at)

    def hear(self, at: int) -> list[object]:
        told: list[object] = []
        for piece in self.buffer.take(at * MS):
            if isinstance(piece, Sound):
                told += [f"lost {piece.lost // 48} ms"] * (piece.lost > 0)
                told.append(int.from_bytes(piece.payload, "big"))
            else:
                name = "lost" if isinstance(piece, Lost) else "quiet"
                assert isinstance(piece, Lost | Quiet)
                told.append(f"{name} {piece.samples // 48} ms")
        return told

    def wait(self) -> list[object]:
        """Until the buffer wants to be asked again."""
        deadline = self.buffer.deadline
        assert deadline is not None
        return self.hear(-(-deadline // MS))


def test_packets_in_order_are_heard_at_once() -> None:
    story = Story()
    assert [story.arrive(n, 20 * n) for n in range(4)] == [[0], [1], [2], [3]]


def test_numbers_and_times_may_wrap_around() -> None:
    story = Story(sequence=65_534, timestamp=2**32 - 1_000)
    assert [story.arrive(n, 20 * n) for n in range(5)] == [[n] for n in range(5)]


def test_two_that_change_places_are_heard_in_order() -> None:
    story = Story()
    story.arrive(0, 0)
    assert story.arrive(2, 22) == []
    assert story.arrive(1, 30) == [1, 2]


def test_one_that_never_comes_is_given_up_and_said_to_be_lost() -> None:
    story = Story()
    story.arrive(0, 0)
    assert story.arrive(2, 40) == ["lost 20 ms", 2]  # it was due at 20, and 20 ms of patience
    assert story.arrive(3, 60) == [3]
    assert story.arrive(1, 61) == []
    assert story.buffer.statistics().late == 1


def test_after_late_packets_more_is_waited_for() -> None:
    story = Story()
    for number in range(10):
        story.arrive(number, 20 * number + (50 if number == 5 else 0))
    assert story.buffer.patience == 60 * MS
    assert story.arrive(11, 220) == []
    assert story.hear(255) == []
    assert story.arrive(10, 258) == [10, 11]


def test_from_what_was_given_up_and_came_it_learns_patience() -> None:
    story = Story()
    story.arrive(0, 0)
    assert story.arrive(2, 40) == ["lost 20 ms", 2]
    story.arrive(1, 90)
    assert story.buffer.patience == 80 * MS
    assert story.arrive(4, 91) == []
    assert story.arrive(3, 130) == [3, 4]


@pytest.mark.parametrize(("number", "at"), [(1, 300), (2, 90)], ids=["far-too-late", "twice"])
def test_from_what_no_patience_would_have_helped_it_learns_none(number: int, at: int) -> None:
    story = Story()
    story.arrive(0, 0)
    story.arrive(2, 40)
    story.arrive(number, at)
    assert story.buffer.statistics().late == 1
    assert story.buffer.patience == 20 * MS


def test_patience_returns_when_the_network_is_calm_again() -> None:
    story = Story()
    story.arrive(0, 0)
    story.arrive(1, 120)
    assert story.buffer.patience == 110 * MS
    for number in range(2, 260):
        story.arrive(number, 20 * number)
    assert story.buffer.patience == 20 * MS


def test_a_pause_of_the_sender_is_silence_and_no_loss() -> None:
    story = Story()
    story.arrive(0, 0)
    assert story.arrive(1, 120, later=100) == ["quiet 100 ms", 1]
    assert story.buffer.statistics().lost == 0


def test_where_nothing_comes_silence_is_told_as_time_passes() -> None:
    story = Story()
    story.arrive(0, 0)
    assert story.hear(199) == []
    assert story.hear(200) == ["lost 60 ms", "quiet 140 ms"]
    assert story.wait() == ["quiet 100 ms"]
    assert story.arrive(1, 320) == [1]  # late, and yet taken
    assert story.arrive(2, 340) == [2]


def test_where_the_sender_says_that_it_will_be_silent_silence_is_told_at_once() -> None:
    story = Story()
    story.arrive(0, 0)
    story.arrive(1, 20, size=HUSH)
    assert story.wait() == ["quiet 20 ms"]
    assert [story.wait() for _ in range(40)][-1] == ["quiet 100 ms"]
    assert story.buffer.statistics().lost == 0


def test_another_stream_begins_afresh() -> None:
    story = Story()
    story.arrive(0, 0)
    assert story.arrive(40_000, 20) == [40_000]
    assert story.arrive(40_001, 40) == [40_001]


def test_a_flood_behind_a_hole_is_not_kept_for_long() -> None:
    story = Story()
    story.arrive(0, 0)
    heard = [piece for number in range(2, 150) for piece in story.arrive(number, 1)]
    assert heard[:2] == ["lost 20 ms", 2]


def test_at_5_percent_loss_and_60_ms_jitter_time_stays_whole() -> None:
    dice = random.Random(4)
    story = Story()
    sent = [(20 * n + dice.randrange(60), n) for n in range(1_500) if dice.random() > 0.05]
    told: list[object] = []
    for at, number in sorted(sent):
        told += story.hear(at) + story.arrive(number, at)
    numbers = [piece for piece in told if isinstance(piece, int)]
    assert numbers == sorted(numbers)
    assert len(numbers) >= len(sent) - 15  # of 1,425, given up although they came
    lost = [int(str(piece).split()[1]) for piece in told if not isinstance(piece, int)]
    assert abs(len(numbers) * 20 + sum(lost) - 30_000) <= 60
    assert sum(one > 60 for one in lost) == 0
