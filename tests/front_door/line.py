"""A client on a raw socket, and programs with real SDKs, against a whole gateway.

Every event that the gateway sends is held against the types of the `openai` package.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from openai.types.realtime import RealtimeServerEvent
from pydantic import Field, TypeAdapter
from websockets.asyncio.client import ClientConnection, connect

from audio.tone import sine
from audio.wav import read
from gateway.embedded.parts import MOUTH_RATE, Say, Situation, Thought
from tests.house import House

RATE = 24_000
SAMPLES = Path(__file__).parents[2] / "samples" / "audio"
EVENT: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeServerEvent, Field(discriminator="type")])
SILENCE = bytes(RATE * 2)
Json = dict[str, Any]


def question() -> bytes:
    """A short question as PCM16 at 24 kHz, that goes on until it is silent."""
    spoken = read(SAMPLES / "commands" / "where_is_my_order_no_number.wav", rate=RATE)
    return bytes(RATE // 2) + spoken


def speech() -> bytes:
    """The question, and the silence that ends it."""
    return question() + SILENCE


def pieces(pcm: bytes, size: int = 9_600) -> list[str]:
    """Audio as it goes into messages."""
    return [base64.b64encode(pcm[at : at + size]).decode() for at in range(0, len(pcm), size)]


@dataclass
class GatedMouth:
    """Speaks a tone, 60 ms a character, and pauses after so many pieces until it is let go."""

    pause_after: int = 0
    go: asyncio.Event = field(default_factory=asyncio.Event)
    spoken: int = 0

    async def speak(
        self, text: str, *, voice: str = "", speed: float = 1.0
    ) -> AsyncIterator[bytes]:
        pcm = sine(440, len(text) * 0.06, MOUTH_RATE)
        for at in range(0, len(pcm), 9_600):
            self.spoken += 1
            if self.pause_after and self.spoken > self.pause_after:
                await self.go.wait()
            await asyncio.sleep(0)
            yield pcm[at : at + 9_600]

    async def close(self) -> None:
        pass


class Script:
    """Says and calls what is written, turn by turn; keeps what it was asked."""

    def __init__(self, *turns: list[Thought]) -> None:
        self.turns = list(turns)
        self.asked: list[Situation] = []

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        self.asked.append(situation)
        for thought in self.turns.pop(0) if self.turns else [Say("All right.")]:
            yield thought

    async def close(self) -> None:
        pass


async def take(connection: Any, kind: str) -> list[Any]:
    """Events up to and including the first of this type."""
    events: list[Any] = []
    while not events or events[-1].type != kind:
        events.append(await asyncio.wait_for(connection.recv(), 10))
        assert events[-1].type != "error", events[-1]
    return events


@dataclass
class Line:
    """One client's socket."""

    socket: ClientConnection
    events: list[Json] = field(default_factory=list)  # all that has come
    typed: bool = True

    async def say(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def configure(self, **session: Any) -> Json:
        await self.say("session.update", session={"type": "realtime", **session})
        return (await self.until("session.updated"))["session"]

    async def speak(self, pcm: bytes) -> None:
        for piece in pieces(pcm):
            await self.say("input_audio_buffer.append", audio=piece)

    async def recv(self) -> Json:
        event: Json = json.loads(await asyncio.wait_for(self.socket.recv(), 10))
        if self.typed:
            EVENT.validate_python(event)
        self.events.append(event)
        return event

    async def until(self, kind: str, error: bool = False) -> Json:
        """The next event of that type."""
        while True:
            event = await self.recv()
            if event["type"] == kind:
                return event
            assert error or event["type"] != "error", event

    async def error(self) -> Json:
        """The next error."""
        found: Json = (await self.until("error"))["error"]
        return found

    async def flush(self) -> None:
        """Until all that was sent has been handled."""
        await self.say("nonsense", event_id="flush")
        while (await self.recv()).get("error", {}).get("event_id") != "flush":
            pass

    def kinds(self) -> list[str]:
        """The types of what has come, repeated ones once."""
        found: list[str] = []
        for event in self.events:
            if not found or found[-1] != event["type"]:
                found.append(event["type"])
        return found

    def all(self, kind: str) -> list[Json]:
        return [event for event in self.events if event["type"] == kind]

    def heard(self) -> bytes:
        """All audio that has come."""
        deltas = self.all("response.output_audio.delta")
        return b"".join(base64.b64decode(event["delta"]) for event in deltas)


@asynccontextmanager
async def called(
    house: House, query: str = "?model=gpt-realtime-2.1", **how: Any
) -> AsyncIterator[Line]:
    """A client that has been greeted."""
    address = house.address.replace("http://", "ws://") + "/v1/realtime" + query
    async with connect(address, max_size=None, **how) as socket:
        line = Line(socket)
        yield line
