"""Sound that no caller should send, and silence without end: bounded, and heard if it can be."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest

from audio import wav
from audio.floats import from_float, gain, to_float
from audio.noise import white_noise
from audio.pcm import silence
from audio.tone import sine
from gateway.embedded.parts import Heard, Say, Situation, Thought
from gateway.embedded.server import ServerOptions
from gateway.rehearsal.sounds import RATE
from tests.bad.street import PIECE, START, Parrot, beside, speech, stranger
from tests.house import message, open_house

SECOND = RATE * 2  # bytes
virtual = pytest.mark.virtual_clock


def memory() -> int:
    return int(psutil.Process(os.getpid()).memory_info().rss)


@virtual
@pytest.mark.parametrize("every", ["silence", "a whisper of noise"])
async def test_an_hour_of_quiet_costs_the_model_nothing_and_no_memory(every: str) -> None:
    seconds = 3600 if every == "silence" else 600
    quiet = silence(RATE) if every == "silence" else white_noise(1.0, RATE, dbfs=-70.0)
    long = ServerOptions(session_seconds=10_000)
    async with open_house(Parrot(), options=long) as house, stranger(house) as caller:
        await caller.start()
        at_first = 0
        for second in range(seconds):
            await caller.send(quiet)
            await asyncio.sleep(1.0)
            at_first = memory() if second == 60 else at_first
        assert memory() - at_first < 8_000_000
        await caller.send(message("hangup"))
        await caller.to_the_end()
        savings = caller.all("savings")[-1]
        assert (savings["heard_ms"], savings["sent_ms"]) == (seconds * 1000, 0)
        assert savings["tokens_saved"] == seconds * 10
        assert not caller.all("words")
        assert caller.code == 1000


@virtual
@pytest.mark.parametrize("sound", ["white noise", "a tone", "a square wave", "a constant"])
async def test_a_minute_of_noise_ends_in_turns_of_bounded_length(sound: str) -> None:
    second = {
        "white noise": white_noise(1.0, RATE, dbfs=-6.0),
        "a tone": sine(440.0, 1.0, RATE, dbfs=0.0),
        "a square wave": (b"\xff\x7f" * 40 + b"\x00\x80" * 40) * (RATE // 80),
        "a constant": b"\xff\x7f" * RATE,
    }[sound]
    async with open_house(Parrot()) as house, beside(house), stranger(house) as caller:
        await caller.start()
        for at in range(0, 100 * SECOND, PIECE * 5):
            part = at % SECOND
            await caller.send(second[part : part + PIECE * 5])
            await asyncio.sleep(0.1)
        await caller.speak(silence(RATE))
        await caller.send(message("hangup"))
        await caller.to_the_end()
        assert caller.code == 1000
        assert not caller.all("error")


# ---------------------------------------------------------------- faster than time


@virtual
async def test_a_recording_sent_at_once_is_heard_whole() -> None:
    async with open_house(Parrot()) as house, beside(house), stranger(house) as caller:
        await caller.start()
        await caller.speak(speech(), speed=1e6, pause=0.6)
        await caller.until("words", role="assistant", final=True)
        assert not caller.all("notice")


@virtual
async def test_audio_at_ten_times_its_pace_is_dropped_and_that_is_said_once(tmp_path: Path) -> None:
    variables = {"TRUNKLINE_TAPS__RECORDING": str(tmp_path)}
    async with (
        open_house(Parrot(), variables=variables) as house,
        beside(house),
        stranger(house) as caller,
    ):
        await caller.start()
        before = memory()
        for _ in range(200):
            await caller.send(white_noise(0.5, RATE))
            await asyncio.sleep(0.05)
        assert memory() - before < 16_000_000
        await caller.send(message("text", text="Still here."))
        await caller.until("words", role="assistant", text="Still here.", final=True)
        assert [one["code"] for one in caller.all("notice")] == ["audio_too_fast"]
        await caller.send(message("hangup"))
        await caller.to_the_end()
        assert caller.all("savings")[-1]["heard_ms"] < 23_000
        page = house.gateway.metrics.page().decode()
        assert 'trunkline_notices_total{code="audio_too_fast"} 1.0' in page
    assert all(wav.read(file, rate=8000) for file in tmp_path.iterdir())


async def test_a_flood_of_audio_does_not_stop_the_clock_of_others() -> None:
    """In real time, with the heavier detector: the loop goes round while the flood is heard.

    What keeps it is counted in the time that its thread computes, not in what others take of it.
    """
    late = 0.0

    async def watch() -> None:
        nonlocal late
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.01)
            late = max(late, time.thread_time() - before)

    words = (speech() * 2)[: RATE * 2]
    async with open_house(Parrot()) as house, stranger(house) as caller:
        await caller.start()
        await caller.send(words)
        await asyncio.sleep(0.5)
        watching = asyncio.create_task(watch())
        await caller.send(*[words] * 9)
        await caller.send(message("dance"))
        await caller.until("notice", code="unknown_message")
        watching.cancel()
    assert late < 0.15, "playback is sent 0.24 s ahead"


@virtual
async def test_one_that_says_it_starts_and_then_sends_nothing_is_waited_for() -> None:
    long = ServerOptions(session_seconds=10_000)
    async with open_house(Parrot(), options=long) as house, stranger(house) as caller:
        await caller.send(START)
        await asyncio.sleep(3600)
        await caller.send(message("text", text="Hello."))
        await caller.until("words", role="assistant", text="Hello.", final=True)


# ---------------------------------------------------------------- spoilt speech, real ears


@dataclass
class Notebook:
    """Keeps what it heard, and says one word."""

    heard: list[str] = field(default_factory=list)

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        self.heard += [line.text for line in situation.lines if isinstance(line, Heard)][-1:]
        yield Say("Noted.")

    async def close(self) -> None: ...


SPOILT = {
    "as it was": lambda pcm: pcm,
    "clipped hard": lambda pcm: gain(gain(pcm, 24.0), -12.0),
    "with a constant added": lambda pcm: from_float(to_float(pcm) * np.float32(0.7) + 0.25),
    "very low": lambda pcm: gain(pcm, -24.0),
    "in noise": lambda pcm: from_float(
        to_float(pcm) + to_float(white_noise(len(pcm) / SECOND, RATE, dbfs=-45.0))
    ),
}


@pytest.mark.models
@pytest.mark.parametrize("how", SPOILT)
async def test_spoilt_speech_is_still_understood(how: str) -> None:
    from gateway.embedded.hearing import MoonshineEars

    ears, notebook = await MoonshineEars.load(), Notebook()
    try:
        async with open_house(notebook, ears=ears) as house, stranger(house) as caller:
            await caller.start()
            pcm = SPOILT[how](silence(RATE) + speech())
            await caller.speak(pcm, speed=2.0, pause=1.0)
            await caller.until("words", role="assistant", text="Noted.")
            await caller.send(message("hangup"))
            await caller.to_the_end()
    finally:
        await ears.close()
    words = " ".join(notebook.heard).lower()
    assert "order" in words, words
