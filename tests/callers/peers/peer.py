"""A telephone at the far end of a bridge: it speaks, listens, presses keys and hangs up."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol

from websockets.exceptions import ConnectionClosed

from audio import wav
from audio.convert import encode
from gateway.callers.dialect import Message
from gateway.doors import bridges
from tests.callers.peers.playout import Playout
from tests.callers.peers.provider import (
    Clear,
    HungUp,
    Mark,
    Messages,
    Owed,
    Provider,
    Sound,
    Transferred,
)
from tests.house import House

BREAK = 0.1  # seconds without sound after which an answer has broken off


class Link(Protocol):
    """A connection, such as a ClientConnection; EOFError or ConnectionClosed ends it."""

    async def send(self, message: Message, /) -> None: ...
    async def recv(self) -> Message: ...
    async def close(self) -> None: ...


@dataclass(frozen=True)
class Ring:
    """Who calls whom, and with what else."""

    caller: str = "+15550100"
    called: str = "+15550101"
    parameters: Mapping[str, str] = field(default_factory=dict)


def of_a_socket(message: Message) -> bool:
    """Whether a WebSocket can carry it."""
    return isinstance(message, bytes) or not any("\ud800" <= one <= "\udfff" for one in message)


@dataclass(frozen=True)
class Peer:
    """What a bridge's file gives the harness."""

    settings: Mapping[str, str]  # variables that turn the bridge on
    connect: Callable[[House, Ring], Awaitable[tuple[Link, Provider]]]  # webhook, upgrade and all
    paced: bool = False  # whether the gateway, not the provider, plays in time
    carries: Callable[[Message], bool] = of_a_socket  # whether that is a message at all


def peer_of(name: str) -> Peer:
    """The peer of a bridge: `PEER` of tests.callers.peers.<name>."""
    peer = import_module(f"tests.callers.peers.{name}").PEER
    assert isinstance(peer, Peer)
    return peer


PEERS = bridges.NAMES  # of each bridge there is one


class Telephone:
    """One call. `lag`: seconds that each message is under way, half as long or half as long again.

    `paced`: nothing is cleared here; an answer that breaks off for a while was cut.
    """

    def __init__(
        self, link: Link, provider: Provider, lag: float = 0.0, *, paced: bool = False
    ) -> None:
        self.provider = provider
        self.playout = Playout(provider.format, lambda name: self._say(provider.played(name)))
        self.cuts: list[float] = []  # seconds that had been played of an answer when it was cleared
        self.transferred: list[str] = []
        self.sent: list[bytes] = []  # the caller's sound, as it went out
        self.heard: list[bytes] = []  # the gateway's, as it came
        self.ended = asyncio.Event()
        self._link, self._lag, self._paced = link, lag, paced
        self._chance = random.Random(1)
        self._loop = asyncio.get_running_loop()
        self._frames: deque[bytes] = deque()
        self._inbox: asyncio.Queue[tuple[float, Message]] = asyncio.Queue()  # and when it arrives
        self._outbox: asyncio.Queue[tuple[float, Message | None]] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._gap = 0  # frames that are left out, for a key is being pressed

    # ------------------------------------------------------------ what a person does

    async def say(self, clip: Path) -> None:
        """Speak a recording, and wait until it is said."""
        rate = self.provider.format.rate
        sound = encode(wav.read(clip, rate=rate), self.provider.format.encoding)
        size = self.provider.frame * self.provider.format.width
        whole = sound[: len(sound) // size * size]
        self._frames.extend(whole[at : at + size] for at in range(0, len(whole), size))
        await self.until(lambda: not self._frames)

    def press(self, digit: str) -> None:
        """Press a key; providers take its tone out of the sound."""
        self._say(self.provider.press(digit))
        self._gap = round(0.1 * self.provider.format.rate / self.provider.frame)

    async def hang_up(self) -> None:
        """Put down the receiver."""
        self._say(self.provider.hang_up())
        self._put_down()
        await self.ended.wait()

    async def break_off(self) -> None:
        """Let the line break."""
        await self._link.close()
        await self.ended.wait()

    async def until(self, so: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait for something to become true; looked at with each frame and message."""
        async with asyncio.timeout(seconds):
            while not so():
                assert not self.ended.is_set(), "the call has ended"
                self._changed.clear()
                await self._changed.wait()

    async def until_heard(self, seconds: float) -> None:
        """Wait until so much of the answer has been played."""
        await self.until(lambda: self.playout.played >= seconds)

    async def until_cut(self, number: int) -> None:
        """Wait until answers have been cut so many times."""
        await self.until(lambda: len(self.cuts) >= number)

    @property
    def spoken(self) -> float:
        """Seconds of the caller's sound that have gone out, silence and all."""
        return len(self.sent) * self.provider.frame / self.provider.format.rate

    # ------------------------------------------------------------ what the provider does

    async def run(self) -> None:
        """Until either side hangs up."""
        async with asyncio.TaskGroup() as group:
            parts = (self._speak, self._listen, self._read, self._write)
            tasks = [group.create_task(part()) for part in parts]
            await self.ended.wait()
            for task in tasks:
                task.cancel()
        self.playout.stop()
        self._changed.set()

    async def _speak(self) -> None:
        wire, samples = self.provider.format, self.provider.frame
        length, due = samples / wire.rate, self._loop.time()
        while True:
            due += length
            await asyncio.sleep(due - self._loop.time())
            if self._paced and self.playout.played and self.playout.silent_for >= BREAK:
                self.cuts.append(self.playout.forget())
            self._changed.set()
            if self._gap:
                self._gap -= 1
                continue
            frame = self._frames.popleft() if self._frames else wire.silence(samples)
            self.sent.append(frame)
            self._say(self.provider.speak(frame))

    async def _listen(self) -> None:
        with suppress(ConnectionClosed, EOFError):
            while True:
                message = await self._link.recv()
                self._inbox.put_nowait((self._arrival, message))
        self.ended.set()

    async def _read(self) -> None:
        while True:
            due, message = await self._inbox.get()
            await asyncio.sleep(due - self._loop.time())
            self._take(message)

    def _take(self, message: Message) -> None:
        for order in self.provider.take(message):
            match order:
                case Sound(audio):
                    self.heard.append(audio)
                    self.playout.add(audio)
                case Mark(name):
                    self.playout.mark(name)
                case Clear():
                    marks = self.playout.clear()
                    self.cuts.append(self.playout.forget())
                    self._say(self.provider.cleared(marks))
                case Owed(messages):
                    self._say(messages)
                case Transferred(target):
                    self.transferred.append(target)
                case HungUp():
                    self._put_down()
        self._changed.set()

    def _say(self, messages: Messages) -> None:
        for message in messages:
            self._outbox.put_nowait((self._arrival, message))

    def _put_down(self) -> None:
        self._outbox.put_nowait((self._arrival, None))

    @property
    def _arrival(self) -> float:
        """When what is sent now is there, if nothing before it is late."""
        return self._loop.time() + self._lag * self._chance.uniform(0.5, 1.5)

    async def _write(self) -> None:
        with suppress(ConnectionClosed, EOFError, OSError):
            while True:
                due, message = await self._outbox.get()
                await asyncio.sleep(due - self._loop.time())
                if message is None:
                    break
                await self._link.send(message)
            await self._link.close()
        self.ended.set()


@asynccontextmanager
async def call(
    peer: Peer, house: House, ring: Ring | None = None, lag: float = 0.0
) -> AsyncIterator[Telephone]:
    """A call through the bridge, begun; it is hung up at the end if it still is on."""
    link, provider = await peer.connect(house, ring or Ring())
    for message in provider.begin():
        await link.send(message)
    telephone = Telephone(link, provider, lag, paced=peer.paced)
    running = asyncio.create_task(telephone.run())
    try:
        yield telephone
        if not telephone.ended.is_set():
            await telephone.hang_up()
        await running
    finally:
        running.cancel()
        await link.close()
