"""A bad network: what is spoken over it is heard without gaps, and understood as without it."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import numpy as np
import pytest

from audio import wav
from audio.format import pcm16
from audio.pcm import silence
from audio.resample import convert
from gateway.call.events import CallerAudio, Event
from gateway.callers.browser import BrowserDialect, Greeting
from gateway.callers.webrtc.ice import IceSettings
from gateway.callers.webrtc.jitter import Figures
from gateway.callers.webrtc.leg import WebRtcLeg
from gateway.callers.webrtc.sdp import parse
from gateway.embedded.hearing import MoonshineEars
from gateway.embedded.moonshine import words
from gateway.files import samples_dir
from tests.callers.rtc_caller import RATE, Caller

LOSS, JITTER = 0.05, 0.06
SPOKEN = samples_dir() / "audio" / "human" / "sense_and_sensibility_0880.wav"
BLOCK = 240  # samples of 10 ms at 24 kHz


def spoil(caller: Caller, dice: random.Random) -> list[int]:
    """Let packets of the caller's voice get lost and come late; gives how many of each."""
    counts = [0, 0]
    loop = asyncio.get_running_loop()
    sender = caller.connection.getSenders()[0].transport.transport
    (pair,) = sender._connection._nominated.values()
    transport: Any = pair.protocol.transport
    send = transport.sendto

    def sendto(data: bytes, address: Any) -> None:
        if not 127 < data[0] < 192 or 192 <= data[1] <= 223:
            send(data, address)
        elif dice.random() < LOSS:
            counts[0] += 1
        else:
            counts[1] += 1
            loop.call_later(dice.random() * JITTER, send, data, address)

    pair.protocol.transport = _Wrapped(transport, sendto)
    return counts


class _Wrapped:
    """A transport that sends in another way."""

    def __init__(self, transport: Any, sendto: Any) -> None:
        self._transport, self.sendto = transport, sendto

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


async def spoken_over(seed: int | None) -> tuple[bytes, Figures, list[int]]:
    """What our side hears of the clip, PCM16 at 24 kHz."""
    heard, joined = bytearray(), asyncio.Event()
    greeting = Greeting("call", "test", "gateway")
    ice = IceSettings(loopback=True)
    leg = WebRtcLeg(BrowserDialect(greeting), pcm16(24_000), ice, "trunkline")
    caller = Caller()

    def feed(event: Event) -> None:
        if isinstance(event, CallerAudio):
            heard.extend(event.pcm)
            caller.came.set()
        else:
            joined.set()

    await caller.take(await leg.answer(parse(await caller.offer())))
    run = asyncio.create_task(leg.run(feed))
    await joined.wait()
    counts = spoil(caller, random.Random(seed)) if seed is not None else [0, 0]
    spoken = wav.read(SPOKEN, rate=RATE)
    begun = len(heard)
    caller.say(spoken + silence(RATE // 5))
    await caller.wait_until(lambda: len(heard) - begun > len(spoken) // 2 + 9_600)
    assert leg._ear is not None
    figures = leg._ear.buffer.statistics()
    leg.close("done")
    await run
    await caller.close()
    return bytes(heard[begun:]), figures, counts


def longest_gap(clean: bytes, spoilt: bytes) -> float:
    """Milliseconds for which nothing is heard where there was speech."""
    loud, still = levels(clean), levels(spoilt)
    shift = best_shift(loud, still)
    size = min(loud.size, still.size - shift)
    gone = (loud[:size] > 300) & (still[shift : shift + size] < 30)
    longest = run = 0
    for one in gone:
        run = run + 1 if one else 0
        longest = max(longest, run)
    return longest * 10.0


def levels(pcm: bytes) -> Any:
    wave = np.frombuffer(pcm, "<i2").astype(np.float64)
    wave = wave[: wave.size // BLOCK * BLOCK].reshape(-1, BLOCK)
    return np.sqrt((wave**2).mean(axis=1))


def best_shift(one: Any, other: Any) -> int:
    size = min(one.size, other.size) - 50
    return max(range(50), key=lambda shift: float(one[:size] @ other[shift : shift + size]))


@pytest.mark.models
async def test_at_5_percent_loss_and_60_ms_jitter_no_gap_is_heard_and_each_word_is() -> None:
    ears = await MoonshineEars.load()
    try:
        clean, _, _ = await spoken_over(None)
        spoilt, figures, (lost, sent) = await spoken_over(7)
        assert lost > 4
        assert figures.lost >= lost * 960 // 2
        assert longest_gap(clean, silence(2_400) + spoilt) <= 60
        understood = [
            await ears.transcribe(convert(pcm, 24_000, 16_000)) for pcm in (clean, spoilt)
        ]
        assert words(understood[0]) == words(understood[1])
        assert len(words(understood[0])) > 5
        assert sent > 100
    finally:
        await ears.close()
