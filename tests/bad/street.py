"""What the tests of bad input share: a call beside the one that misbehaves, and a raw caller."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from audio import wav
from audio.pcm import silence
from gateway.embedded.parts import Heard, Say, Situation, Thought
from gateway.rehearsal.caller import SampleCaller
from gateway.rehearsal.conversation import Conversation
from gateway.rehearsal.script import Say as SayFile
from gateway.rehearsal.script import Script, Think, Turn
from gateway.rehearsal.sounds import RATE, read
from tests.house import House, message

ROOT = Path(__file__).parents[2]
ORDER = ROOT / "samples/audio/commands/where_is_my_order.wav"
LETTERS = 20  # that are spoken in answer to each turn of the bystander
PIECE = RATE // 50 * 2  # bytes of a frame of 20 ms
START = message("start", reports=False)


@dataclass
class Parrot:
    """Says the beginning of what it heard last; what was typed as often as it is told to."""

    times: int = 1

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        heard = [line.text for line in situation.lines if isinstance(line, Heard)]
        said = heard[-1] if heard else "Nothing was said."
        yield Say(said[:LETTERS] if said.startswith("I spoke") else said * self.times)

    async def close(self) -> None: ...


def speech() -> bytes:
    """A spoken sentence at the rate of the browser's wire."""
    return wav.read(ORDER, rate=RATE)


@asynccontextmanager
async def beside(house: House, turns: int = 2) -> AsyncIterator[None]:
    """A good call on the same gateway, which must not notice what else goes on."""
    script = Script("a bystander", (Turn(SayFile(ORDER), Think(0.4)),) * turns)
    call = asyncio.create_task(SampleCaller(script, read(script)).call(house.browser))
    try:
        yield
        _undisturbed(await call, turns)
    finally:
        call.cancel()


def _undisturbed(call: Conversation, turns: int) -> None:
    assert call.complete, (call.ended, call.notices)
    assert not call.notices
    answers = call.texts("assistant")
    assert len(answers) == turns, call.transcript
    assert all(text.startswith("I spoke for ") for text in answers)
    assert answers == [text[:LETTERS] for text in call.texts("caller")]
    assert _loud(call.heard.pcm) == _close_to(turns * LETTERS * 0.06)
    assert max(call.latencies) < 0.7


@dataclass(frozen=True)
class _close_to:
    """Equal but for the zero crossings of a tone."""

    seconds: float

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and abs(other - self.seconds) < 0.03


def _loud(pcm: bytes) -> float:
    frames = [pcm[at : at + 96] for at in range(0, len(pcm), 96)]
    return sum(any(frame) for frame in frames) * 0.002


@dataclass
class Stranger:
    """A caller that sends whatever it likes, and keeps what it is told."""

    socket: ClientConnection
    told: list[dict[str, Any]] = field(default_factory=list)
    heard: int = 0  # bytes of audio
    answer: int = 0  # of it the model's, where somebody counts
    closed: ConnectionClosed | None = None

    async def send(self, *messages: str | bytes) -> None:
        with suppress(ConnectionClosed):
            for one in messages:
                await self.socket.send(one)

    async def start(self) -> None:
        await self.send(START)
        await self.until("started")

    async def speak(self, pcm: bytes, speed: float = 1.0, pause: float = 0.6) -> None:
        """Send sound in frames of 20 ms at so many times its pace, and the silence after it."""
        pcm += silence(round(pause * RATE))
        for at in range(0, len(pcm), PIECE):
            await self.send(pcm[at : at + PIECE])
            await asyncio.sleep(0.02 / speed)

    async def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The first message like this, new or told before. Raises ConnectionClosed."""
        seen = 0
        while True:
            for one in self.told[seen:]:
                if one["type"] == kind and fields.items() <= one.items():
                    return one
            seen = len(self.told)
            await self._take()

    async def until_heard(self, size: int) -> None:
        """Read until so many bytes of audio have come."""
        while self.heard < size:
            await self._take()

    async def to_the_end(self) -> None:
        """Read until the gateway closes."""
        with suppress(ConnectionClosed):
            while True:
                await self._take()

    async def _take(self) -> None:
        try:
            received = await self.socket.recv()
        except ConnectionClosed as closed:
            self.closed = closed
            raise
        if isinstance(received, bytes):
            self.heard += len(received)
        else:
            self.told.append(json.loads(received))

    @property
    def code(self) -> int | None:
        """The close code that came."""
        return self.closed.rcvd.code if self.closed and self.closed.rcvd else None

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.told if one["type"] == kind]


@asynccontextmanager
async def stranger(house: House, **options: Any) -> AsyncIterator[Stranger]:
    async with connect(
        house.browser, compression=None, proxy=None, max_size=None, **options
    ) as socket:
        yield Stranger(socket)
