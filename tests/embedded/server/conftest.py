"""Parts that do what a test says, a server around them, and a client that checks every event."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import websockets
from agents.realtime.openai_realtime import get_server_event_type_adapter
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from audio.detection import detector
from audio.resample import convert
from gateway.embedded.answers import Frame, Limits
from gateway.embedded.connection import Connection, Parts
from gateway.embedded.hearing import Listener
from gateway.embedded.parts import EARS_RATE, MOUTH_RATE, Say, Situation, Thought
from gateway.embedded.server import Address, Assistant, ServerOptions, serve
from gateway.embedded.turns import TurnEndByWords
from gateway.protocol import sessions

SAMPLES = Path(__file__).parents[3] / "samples" / "audio"
OPENAI: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
Step = Thought | Exception | asyncio.Event


@dataclass
class Ears:
    """Recognise the same words in everything, or fail."""

    text: str = "Where is my order?"
    error: Exception | None = None

    async def transcribe(self, pcm: bytes) -> str:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return self.text

    async def close(self) -> None:
        pass


@dataclass
class Mind:
    """Think what is written, one list an answer; wait at an event, raise an exception."""

    turns: list[list[Step]] = field(default_factory=list)
    situations: list[Situation] = field(default_factory=list)
    running: int = 0

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        self.situations.append(situation)
        self.running += 1
        try:
            for step in self.turns.pop(0) if self.turns else [Say("Yes.")]:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, Exception):
                    raise step
                else:
                    yield step
        finally:
            self.running -= 1

    async def close(self) -> None:
        pass


@dataclass
class Mouth:
    """Speak a tone, 50 ms a character; wait for `go` after `pause_after` pieces of 100 ms."""

    spoken: list[tuple[str, str, float]] = field(default_factory=list)
    pause_after: int | None = None
    go: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    running: int = 0

    async def speak(
        self, text: str, *, voice: str = "", speed: float = 1.0
    ) -> AsyncIterator[bytes]:
        self.spoken.append((text, voice, speed))
        self.running += 1
        try:
            total = int(len(text) * 0.05 * MOUTH_RATE / speed)
            for number, at in enumerate(range(0, total, MOUTH_RATE // 10)):
                if number == self.pause_after:
                    await self.go.wait()
                if self.error is not None:
                    raise self.error
                await asyncio.sleep(0)
                yield tone(at, min(MOUTH_RATE // 10, total - at))
        finally:
            self.running -= 1

    async def close(self) -> None:
        pass


def tone(start: int, count: int) -> bytes:
    times = np.arange(start, start + count) / MOUTH_RATE
    return (8000 * np.sin(2 * np.pi * 440 * times)).astype("<i2").tobytes()


class Client:
    """A WebSocket client of the Realtime protocol; every event it gets is checked by the models."""

    def __init__(self, socket: Any, *, checked: bool = True) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self._checked = checked

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def append(self, data: bytes, piece: int = 4800) -> None:
        """Send audio as a client does, in pieces."""
        for at in range(0, len(data), piece):
            audio = base64.b64encode(data[at : at + piece]).decode()
            await self.send("input_audio_buffer.append", audio=audio)

    async def receive(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(await self.socket.recv())
        if self._checked:
            OPENAI.validate_python(event)
            get_server_event_type_adapter().validate_python(event)
        assert event["event_id"] not in {e["event_id"] for e in self.events}
        self.events.append(event)
        return event

    async def until(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """All events up to and including the next of this type (or so many of them)."""
        start = len(self.events)
        while count:
            event = await self.receive()
            count -= event["type"] == kind
            if event["type"] == "error" and kind != "error":
                raise AssertionError(event["error"])
        return self.events[start:]

    async def ask(self, kind: str, answer: str, **fields: Any) -> dict[str, Any]:
        """Send an event and return the one that answers it."""
        await self.send(kind, **fields)
        return (await self.until(answer))[-1]

    async def update(self, **session: Any) -> dict[str, Any]:
        change = {"type": "realtime"} | session
        answer = await self.ask("session.update", "session.updated", session=change)
        return dict(answer["session"])

    async def say(self, text: str) -> None:
        """Type a message and ask for an answer."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        await self.ask("conversation.item.create", "conversation.item.done", item=item)
        await self.send("response.create")

    async def drain(self) -> list[dict[str, Any]]:
        """All events that are still to come in answer to what was sent; ends with a round trip."""
        start = len(self.events)
        await self.send("conversation.item.retrieve", item_id="nothing", event_id="drain")
        while (await self.receive())["type"] != "error":
            pass
        return self.events[start:-1]


@dataclass
class Stage:
    """A server with its parts, and a way in."""

    ears: Ears
    mind: Mind
    mouth: Mouth
    address: Address

    @asynccontextmanager
    async def client(
        self, query: str = "?model=m", *, path: str = "", checked: bool = True, **how: Any
    ) -> AsyncIterator[Client]:
        url = self.address.url.replace("/v1/realtime", path or "/v1/realtime") + query
        async with websockets.connect(url, max_size=None, **how) as socket:
            yield Client(socket, checked=checked)


StageMaker = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture(scope="session")
def stage() -> StageMaker:
    """Opens a server: `async with stage(turns=[[Say("Hi.")]], options=...) as s`."""

    @asynccontextmanager
    async def opened(
        turns: list[list[Step]] | None = None, options: ServerOptions | None = None, **how: Any
    ) -> AsyncIterator[Stage]:
        ears, mind, mouth = Ears(), Mind(turns or []), Mouth()
        async with serve(Assistant(ears, mind, mouth), options=options, **how) as address:
            yield Stage(ears, mind, mouth, address)

    return opened


@pytest.fixture(scope="session")
def session_without_socket() -> Callable[..., AbstractAsyncContextManager[Any]]:
    """A session alone, for a clock that jumps: `async with … as (connection, emitted, mind)`."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        mind = Mind()
        emitted: list[dict[str, Any]] = []

        async def room() -> None:
            await asyncio.sleep(0)

        ears = Ears()
        parts = Parts(
            mind=mind,
            mouth=Mouth(),
            listen=lambda on_words, partials: Listener(ears, on_words, partials),
            voice=lambda: detector(EARS_RATE),
            turn_end=TurnEndByWords(),
        )
        session = sessions.new_session("realtime", "sess_1", "m", 0)
        async with asyncio.TaskGroup() as tasks:
            frame = Frame(lambda event: emitted.append(copy.deepcopy(event)), room, tasks)
            connection = Connection(session, parts, frame, limits=Limits())
            yield connection, emitted, mind
            connection.close()

    return opened


@pytest.fixture(scope="session")
def speech() -> bytes:
    """A short command as PCM16 at 24 kHz, with silence around it."""
    return _sample("commands/where_is_my_order_no_number.wav", 300, 900)


@pytest.fixture(scope="session")
def long_speech() -> bytes:
    """A sentence of a human reader as PCM16 at 24 kHz, with silence around it."""
    return _sample("human/sense_and_sensibility_0880.wav", 300, 900)


@pytest.fixture(scope="session")
def sample() -> Callable[..., bytes]:
    """Any of the samples as PCM16 at 24 kHz: `sample(name, before_ms, after_ms)`."""
    return _sample


@pytest.fixture(scope="session")
def client_of() -> Callable[[Any], Client]:
    """A client on a socket that is already open."""
    return Client


def _sample(name: str, before_ms: int, after_ms: int) -> bytes:
    data, rate = soundfile.read(SAMPLES / name, dtype="int16")
    pcm = convert(data.tobytes(), rate, 24_000)
    return bytes(before_ms * 48) + pcm + bytes(after_ms * 48)
