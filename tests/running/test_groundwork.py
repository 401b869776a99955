"""What calls take is there before the first of them in a format, and is loaded in a thread."""

from __future__ import annotations

import asyncio
import threading

import pytest

from audio.format import Format, pcm16
from gateway import announcements
from gateway.running.groundwork import Groundwork
from tests.house import open_house

PHONE, PAGE = Format("pcmu", 8_000), pcm16(24_000)
SPOKEN = (announcements.one_moment, announcements.assistant_lost, announcements.not_that)


@pytest.mark.virtual_clock
async def test_a_format_is_loaded_once_and_in_a_thread_however_many_calls_wait_for_it() -> None:
    loaded: list[tuple[Format, bool]] = []

    def load(call: Format) -> None:
        loaded.append((call, threading.current_thread() is threading.main_thread()))

    groundwork = Groundwork()
    await asyncio.gather(*(groundwork.lay(call, load) for call in (PHONE, PAGE, PHONE)))
    assert loaded == [(PHONE, False), (PAGE, False)]


@pytest.mark.virtual_clock
async def test_what_could_not_be_loaded_is_tried_again_with_the_next_call() -> None:
    async def lay() -> None:
        await groundwork.lay(PHONE, lambda call: tried.append(call) or tried[1])

    tried: list[Format] = []
    groundwork = Groundwork()
    with pytest.raises(IndexError):
        await lay()
    await lay()
    await lay()
    assert len(tried) == 2


def read() -> int:
    """How often a sound file was read."""
    return sum(one.cache_info().misses for one in SPOKEN)


@pytest.mark.parametrize("call", [PHONE, PAGE, pcm16(16_000)], ids=str)
async def test_a_call_reads_no_sound_file_when_it_is_planned(call: Format) -> None:
    for one in SPOKEN:
        one.cache_clear()
    async with open_house() as house:
        await house.gateway.groundwork.lay(call, house.gateway.load)
        before = read()
        assert house.gateway.planner.plain(call).lost_notice
        assert read() == before == len(SPOKEN)
