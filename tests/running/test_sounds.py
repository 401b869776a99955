"""What calls take from sound files is there before the first of them."""

from __future__ import annotations

import pytest

from audio.format import Format, pcm16
from gateway import announcements
from gateway.running.sounds import read_sounds
from tests.house import open_house

TWILIO = {
    "TRUNKLINE_BRIDGES__TWILIO__ENABLED": "true",
    "TRUNKLINE_BRIDGES__TWILIO__AUTH_TOKEN": "s",
}
PHONE = Format("pcmu", 8_000)
SPOKEN = (announcements.one_moment, announcements.assistant_lost, announcements.not_that)


def read() -> int:
    """How often a sound file was read."""
    return sum(one.cache_info().misses for one in SPOKEN)


@pytest.mark.parametrize("telephones", [False, True], ids=["page", "telephones"])
async def test_a_call_reads_no_sound_file_when_it_is_planned(telephones: bool) -> None:
    for one in SPOKEN:
        one.cache_clear()
    async with open_house(variables=TWILIO if telephones else {}) as house:
        read_sounds(house.gateway)
        before = read()
        house.gateway.planner.browser("call", ())
        assert house.gateway.planner.plain(pcm16(24_000)).lost_notice
        assert read() == before
        house.gateway.planner.plain(PHONE)
        assert (read() == before) == telephones
