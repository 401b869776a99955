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
# The recogniser is sure of every word of it, wherever its frames happen to begin.
SPOKEN = samples_dir() / "audio" / "human" / "sense_and_sensibility_0930.wav"
SAID = "he might even have been made amiable himself"
BLOCK = 240  # samples of 10 ms at 24 kHz


class BadNetwork:
    """The transport of a caller whose packets of sound get lost and come late."""

    def __init__(self, transport: Any, seed: int) -> None:
        self.lost = self.sent = 0
        self._transport = transport
        self._dice = random.Random(seed)

    def sendto(self, data: bytes, address: Any) -> None:
        """Send it as it is, unless it is RTP."""
        if not 127 < data[0] < 192 or 192 <= data[1] <= 223:
            self._transport.sendto(data, address)
        elif self._dice.random() < LOSS:
            self.lost += 1
        else:
            self.sent += 1
            late = self._dice.random() * JITTER
            asyncio.get_running_loop().call_later(late, self._arrive, data, address)

    def _arrive(self, data: bytes, address: Any) -> None:
        if not self._transport.is_closing():  # the call may be over by now
            self._transport.sendto(data, address)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def spoil(caller: Caller, seed: int) -> BadNetwork:
    """From now on the caller's network is bad."""
    sender = caller.connection.getSenders()[0].transport.transport
    (pair,) = sender._connection._nominated.values()
    pair.protocol.transport = BadNetwork(pair.protocol.transport, seed)
    return pair.protocol.transport  # type: ignore[no-any-return]


async def spoken_over(seed: int | None) -> tuple[bytes, Figures, BadNetwork | None]:
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
    # Both the encoder and the recogniser tell speech that begins with a stream from speech that
    # follows a moment of silence: it is to be the same moment each time.
    await caller.wait_until(lambda: len(heard) >= 9_600)
    network = None if seed is None else spoil(caller, seed)
    spoken = wav.read(SPOKEN, rate=RATE)
    begun, wanted = len(heard), len(spoken) // 2 + 9_600
    caller.say(spoken + silence(RATE // 5))
    await caller.wait_until(lambda: len(heard) - begun >= wanted)
    assert leg._ear is not None
    figures = leg._ear.buffer.statistics()
    leg.close("done")
    await run
    await caller.close()
    return bytes(heard[begun : begun + wanted]), figures, network


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
@pytest.mark.virtual_clock
async def test_at_5_percent_loss_and_60_ms_jitter_no_gap_is_heard_and_each_word_is() -> None:
    ears = await MoonshineEars.load()
    try:
        clean, figures, _ = await spoken_over(None)
        assert (figures.late, figures.lost, figures.quiet) == (0, 0, 0)
        assert await understood(ears, clean) == SAID
        for seed in (7, 8, 9):
            spoilt, figures, network = await spoken_over(seed)
            assert network is not None
            assert network.lost > 4
            assert network.sent > 100
            assert figures.lost >= network.lost * 960 // 2
            assert longest_gap(clean, silence(2_400) + spoilt) <= 60
            assert await understood(ears, spoilt) == SAID
    finally:
        await ears.close()


async def understood(ears: MoonshineEars, pcm: bytes) -> str:
    """The words of PCM16 at 24 kHz."""
    return " ".join(words(await ears.transcribe(convert(pcm, 24_000, 16_000))))
