"""The simulated player: gapless, positions per item, stopped at once, and honest about it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from audio.pcm import BYTES
from gateway.rehearsal.player import Player

pytestmark = pytest.mark.virtual_clock

RATE = 24_000


@dataclass
class Heard:
    """A player, and what it said of itself: loop time, item, samples, generation."""

    reports: list[tuple[float, str, int, int]] = field(default_factory=list)
    begun: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.player = Player(
            RATE,
            lambda *report: self.reports.append((round(loop.time(), 6), *report)),
            lambda item: self.begun.append((round(loop.time(), 6), item)),
        )


def ones(samples: int, value: int = 1) -> bytes:
    return value.to_bytes(2, "little") * samples


async def test_an_item_is_reported_when_it_begins_each_20_ms_and_when_it_ends() -> None:
    heard = Heard()
    heard.player.announce("a", 0, 0)
    heard.player.push(ones(1200))  # 50 ms
    await asyncio.sleep(1)
    assert heard.reports == [
        (0.0, "a", 0, 0),
        (0.02, "a", 480, 0),
        (0.04, "a", 960, 0),
        (0.05, "a", 1200, 0),
    ]
    assert not heard.player.playing


async def test_pieces_that_come_in_time_are_played_without_a_gap() -> None:
    heard = Heard()
    heard.player.announce("a", 0, 0)
    heard.player.push(ones(480))
    await asyncio.sleep(0.015)
    heard.player.push(ones(480, 2))
    await asyncio.sleep(1)
    assert bytes(heard.player.time_line.pcm) == ones(480) + ones(480, 2)
    assert heard.player.heard == {"a": 960}


async def test_a_piece_that_comes_late_leaves_silence_on_the_time_line() -> None:
    heard = Heard()
    heard.player.announce("a", 0, 0)
    await asyncio.sleep(0.01)
    heard.player.push(ones(240))
    await asyncio.sleep(0.03)
    heard.player.push(ones(240, 2))
    await asyncio.sleep(1)
    expected = ones(240, 0) + ones(240) + ones(480, 0) + ones(240, 2)
    assert bytes(heard.player.time_line.pcm) == expected
    assert heard.player.heard == {"a": 480}


async def test_a_flush_keeps_exactly_what_had_been_heard() -> None:
    heard = Heard()
    heard.player.announce("a", 0, 0)
    heard.player.push(ones(RATE))
    await asyncio.sleep(0.0333)
    heard.player.flush(1)
    await asyncio.sleep(1)
    assert heard.player.heard == {"a": 799}
    assert len(heard.player.time_line.pcm) // BYTES == 799
    assert heard.reports[-1] == (0.02, "a", 480, 0)  # nothing is reported once it is stopped


async def test_items_follow_each_other_and_each_is_counted_from_its_own_beginning() -> None:
    heard = Heard()
    for item in ("a", "b"):
        heard.player.announce(item, 0, 0)
        heard.player.push(ones(720))  # 30 ms
    await asyncio.sleep(0.045)
    heard.player.flush(1)
    assert heard.player.heard == {"a": 720, "b": 360}
    assert heard.begun == [(0.0, "a"), (0.03, "b")]
    assert (0.03, "a", 720, 0) in heard.reports
    assert (0.03, "b", 0, 0) in heard.reports


async def test_an_item_that_waited_behind_another_was_not_heard_at_all() -> None:
    heard = Heard()
    for item in ("a", "b"):
        heard.player.announce(item, 0, 0)
        heard.player.push(ones(RATE))
    await asyncio.sleep(0.5)
    heard.player.flush(1)
    assert "b" not in heard.player.heard
    assert heard.player.received == {"a": RATE, "b": RATE}


async def test_sound_of_a_generation_before_the_flush_is_not_played() -> None:
    heard = Heard()
    heard.player.flush(2)
    heard.player.announce("a", 0, 1)
    heard.player.push(ones(480))
    assert not heard.player.playing
    heard.player.announce("b", 0, 2)
    heard.player.push(ones(480))
    assert heard.player.playing


async def test_an_item_may_go_on_in_the_middle() -> None:
    heard = Heard()
    heard.player.announce("a", 4800, 3)
    heard.player.push(ones(480))
    await asyncio.sleep(1)
    assert heard.reports[0] == (0.0, "a", 4800, 3)
    assert heard.reports[-1] == (0.02, "a", 5280, 3)
