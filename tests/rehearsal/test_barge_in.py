"""Barge-in over real sockets: the assistant is told where the caller really stopped hearing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from audio.tone import sine
from gateway.embedded.parts import MOUTH_RATE, CallPiece, Say, Situation, Thought
from gateway.embedded.server import Assistant, serve
from gateway.rehearsal.caller import SampleCaller
from gateway.rehearsal.house import open_house
from gateway.rehearsal.script import Interrupt, Script, Think, Turn, Type
from gateway.rehearsal.script import Say as SayFile
from gateway.rehearsal.sounds import read
from gateway.settings import Settings
from tests.rehearsal.relay import Wire, relay
from tools import tool

CALLS, INTERRUPTIONS = 10, 25  # of each call; a few come when the answer is over
SAMPLES_PER_MS = 24
TONE = sine(440, 0.1, MOUTH_RATE)


@tool
async def note() -> str:
    """Note something down."""
    return "noted"


class Silent:
    """Ears for callers whose words do not matter."""

    async def transcribe(self, pcm: bytes) -> str:
        return "stop"

    async def close(self) -> None: ...


class Rambler:
    """A mind that says up to three things at once, each an item of its own, for a call between."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        for number in range(self._chance.randint(1, 3)):
            if number:
                yield CallPiece(number, "note", "{}")
            yield Say("a" * self._chance.randint(2, 14))

    async def close(self) -> None: ...


class Drone:
    """A mouth that speaks a tone, 100 ms a letter, at once, in time, or too slowly to keep up."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    async def speak(
        self, text: str, *, voice: str = "", speed: float = 1.0
    ) -> AsyncIterator[bytes]:
        pause = self._chance.choice((0.0, 0.0, 0.06, 0.13))
        for _ in text.strip():
            await asyncio.sleep(pause)
            yield TONE

    async def close(self) -> None: ...


@dataclass
class Heard:
    """What the callers heard, in samples of each item, and how often they were interrupted."""

    samples: dict[str, int]
    flushes: int


async def interrupt_at_random(chance: random.Random, sound: Path) -> tuple[Heard, Wire]:
    """Calls at the same time, each of which interrupts again and again."""
    async with AsyncExitStack() as parts:
        assistant = Assistant(Silent(), Rambler(chance), Drone(chance))
        address = await parts.enter_async_context(serve(assistant))
        wire = await parts.enter_async_context(relay(address.port))
        settings = Settings.model_validate(
            {
                "assistant": {"kind": "embedded", "base_url": wire.base_url},
                "turns": {"second_opinion": False},
            }
        )
        house = await parts.enter_async_context(open_house(settings, [note]))
        callers = []
        for _ in range(CALLS):
            turns = (interruption(chance, sound) for _ in range(INTERRUPTIONS))
            script = Script("barge-in", (Turn(Type("go"), Think(0.6)), *turns), timeout=600)
            callers.append(SampleCaller(script, read(script)))
        calls = [asyncio.create_task(caller.call(house.url)) for caller in callers]
        conversations = await asyncio.gather(*calls)
    assert all(conversation.complete for conversation in conversations)
    samples: dict[str, int] = {}
    for caller in callers:
        samples |= caller.player.heard
    return Heard(samples, sum(caller.player.generation for caller in callers)), wire


def interruption(chance: random.Random, sound: Path) -> Turn:
    """Typed words interrupt at once, to the microsecond; a voice has to be noticed first."""
    act = chance.choice((Type("stop"), Type("wait"), SayFile(sound)))
    return Turn(act, Interrupt(chance.uniform(0.0, 1.4)))


@pytest.mark.long
@pytest.mark.virtual_clock
async def test_the_assistant_forgets_what_the_caller_did_not_hear(
    samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = samples / "audio" / "commands" / "stop_wait.wav"
    heard, wire = await interrupt_at_random(random.Random(4217), sound)

    errors = [
        abs(end - heard.samples[item] / SAMPLES_PER_MS) for item, end in wire.truncated.items()
    ]
    p50, p99 = np.percentile(errors, [50, 99])
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{heard.flushes} interruptions: {len(wire.truncated)} items cut,"
            f" {len(wire.deleted)} deleted; audio_end_ms is off by p50 {p50:.2f} ms,"
            f" p99 {p99:.2f} ms, at most {max(errors):.2f} ms"
        )
    assert heard.flushes >= 200
    assert len(wire.truncated) >= 100
    assert max(errors) <= 20
    assert not wire.twice
    assert set(wire.refusals) <= {"response_cancel_not_active"}  # it had just ended by itself
    for item, end in wire.truncated.items():
        assert end <= wire.sent_when_truncated[item]
        assert heard.samples[item] > 0
    for item in wire.deleted:
        assert heard.samples.get(item, 0) < SAMPLES_PER_MS
    for item, size in wire.sent_bytes.items():
        unheard = size // 2 - heard.samples.get(item, 0)
        assert unheard <= 0 or item in wire.truncated or item in wire.deleted, (item, size)
