"""What plans of calls take from sound files, and what codes recordings, is there before the first
call needs it.

In a thread and when the gateway is ready: it takes a hundredth of a second for each format, in
which no call is to stand still, and for which nobody is to wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

from audio.container import Opus
from audio.format import Format, pcm16
from audio.pcm import AudioError
from gateway.app import Gateway
from gateway.background import beside
from gateway.doors import bridges
from gateway.plans.planning import RATE
from gateway.settings import Settings


def formats(settings: Settings) -> Iterator[Format]:
    """In which calls may come: from pages and programs, and from telephones where they can call."""
    yield pcm16(RATE)
    if any(bridges.enabled(settings.bridges)):
        yield from (Format("pcmu", 8_000), Format("pcma", 8_000), pcm16(8_000), pcm16(16_000))


def read_sounds(gateway: Gateway) -> None:
    """Plan a call in each of them that nobody makes. What cannot be read, a call says."""
    for call in formats(gateway.settings):
        with suppress(AudioError):
            plan = gateway.planner.plain(call)
            if gateway.budgets is not None:
                gateway.budgets.fit(plan)
    settings = gateway.settings
    if settings.taps.recording and settings.privacy.recording_format == "opus":
        Opus(lambda _: None, RATE).close()


@asynccontextmanager
async def reading_sounds(gateway: Gateway) -> AsyncIterator[None]:
    """It is done beside the calls, from here on."""
    async with beside(asyncio.to_thread(read_sounds, gateway), "sounds"):
        yield
